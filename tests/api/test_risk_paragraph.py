"""The paragraph on risk: every option with its chances and their cause, then the terms that make every locality safe."""

import re

import pytest

from api.boards.risk.paragraph import risk_paragraph
from capitation.chance.document import read_uncertainty
from contracts.options.document import read_options


@pytest.mark.slow
def test_one_paragraph_says_how_likely_why_and_which_terms_would_be_safe(pack, blmk_run):
    document = read_options(pack.path("options/blmk.toml"))
    figures = read_uncertainty(pack.path("uncertainty/blmk.toml"))
    said = risk_paragraph(document, pack, blmk_run, figures, "shares", draws=300)
    assert "\n" not in said
    for option in document.options:
        who = (
            "providers" if option.body else "commissioners"
        )  # under a body commissioners pay what is agreed, whatever happens
        assert f"{option.title}: {who} end 2018/19 in deficit with " in said
    assert "mostly from" in said
    assert "keep every locality's loss within 1.0% of its plan in 9 of 10 years" in said
    assert "a pool of £" in said
    assert re.search(r"of the next pound saved a locality still keeps 2[4-7]%\.$", said)
