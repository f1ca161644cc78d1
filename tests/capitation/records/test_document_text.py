"""Documents written as TOML read back as themselves."""

import tomllib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from capitation.errors import DocumentError
from capitation.records.documents import Document, parse_document
from capitation.records.toml_text import toml_text


class Part(Document):
    """A part."""

    name: str
    """Its name."""
    amount: Decimal = Decimal(0)
    """How much."""
    tags: tuple[str, ...] = ()
    """Words."""


class Whole(Document):
    """A whole."""

    title: str
    """Its title."""
    flag: bool = False
    """Yes or no."""
    count: int = 0
    """How many."""
    main: Part | None = None
    """A part."""
    parts: tuple[Part, ...] = ()
    """Parts."""
    factors: dict[str, Decimal] = Field(default_factory=dict)
    """By name."""


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
number = st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**12), max_value=10**12)
part = st.builds(Part, name=text, amount=number, tags=st.lists(text, max_size=3).map(tuple))


@given(
    st.builds(
        Whole,
        title=text,
        flag=st.booleans(),
        count=st.integers(-(2**60), 2**60),
        main=st.none() | part,
        parts=st.lists(part, max_size=3).map(tuple),
        factors=st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), number, max_size=3),
    )
)
def test_it_reads_back_as_itself(document):
    content = tomllib.loads(toml_text(document), parse_float=Decimal)
    assert parse_document(content, Whole, "test") == document


def test_defaults_are_left_out_and_tables_follow_values():
    whole = Whole(title="Hub", parts=(Part(name="a", amount=Decimal("5.0")),))
    assert toml_text(whole) == 'title = "Hub"\n\n[[parts]]\nname = "a"\namount = 5.0\n'


def test_a_value_without_a_form_is_told():
    class Odd(Document):
        """Odd."""

        value: float = 0.0
        """A float."""

    with pytest.raises(DocumentError, match=r"value: found 0\.5"):
        toml_text(Odd(value=0.5))
