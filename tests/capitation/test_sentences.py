"""The first letter of words at the head of a sentence and in the middle of one."""

import pytest

from capitation.sentences import capital, small


@pytest.mark.parametrize(
    ("words", "within"),
    [
        ("The NHS", "the NHS"),
        ("A locality", "a locality"),
        ("One-off money", "one-off money"),
        ("NHS trusts", "NHS trusts"),
        ("A&E attendances", "A&E attendances"),
        ("QALYs gained", "QALYs gained"),
        ("PbR tariff", "PbR tariff"),
        ("2016/17", "2016/17"),
        ("already small", "already small"),
        ("", ""),
    ],
)
def test_only_a_capital_that_begins_a_sentence_goes(words, within):
    assert small(words) == within


@pytest.mark.parametrize(
    ("words", "shown"), [("what is left", "What is left"), ("NHS", "NHS"), ("£5m", "£5m"), ("", "")]
)
def test_a_sentence_begins_with_a_capital(words, shown):
    assert capital(words) == shown
