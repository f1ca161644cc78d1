"""Hands: whether two names are one person, however they are spelt.

    Eve, EVE, "eve ", E-v-e, e.v.e, Ève      are one name

Letters and digits count, in one case, without accents, width, spaces, signs and what cannot be seen; letters of other scripts that look
like Latin ones are taken for them, and digits of other scripts for ours. Two people whose names differ in none of these need different names to approve one another's work.
"""

from __future__ import annotations

import unicodedata

from api.service.records.claims import read_plainly


def alike_name(name: str) -> str:
    """A name without what may differ between two spellings of it."""
    kept = "".join(letter for letter in read_plainly(name) if letter.isalnum())
    return kept or unicodedata.normalize("NFKC", name).casefold().strip()


def same_hand(one: str, other: str) -> bool:
    """Whether two names may be one person's.

    Example:
        "Ann Lee" and "ann.lee" are one; "ann" and "anna" are two.
    """
    return alike_name(one) == alike_name(other)
