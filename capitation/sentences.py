"""Words at the head of a sentence and in the middle of one: the one rule for the first letter."""


def capital(words: str) -> str:
    """Words for the head of a sentence or a heading: their first letter is a capital."""
    return words[:1].upper() + words[1:]


def small(words: str) -> str:
    """Words for the middle of a sentence: without a capital, unless they begin with an abbreviation.

    "The NHS" gives "the NHS", "A locality" gives "a locality"; "NHS trusts", "A&E" and "2016/17" stay as they are.
    """
    rest = words.partition(" ")[0][1:]
    return words[:1].lower() + words[1:] if rest.islower() or not rest else words


__all__ = ["capital", "small"]
