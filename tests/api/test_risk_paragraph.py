"""The paragraph on risk: every option with its chances and their cause, then the terms that make every locality safe."""

import re

import polars as pl
import pytest

from api.boards.risk.kept import keep, shipped_paragraph
from api.boards.risk.paragraph import kept_paragraph, risk_paragraph, shown_paragraph
from api.boards.risk.parties import party_sentences
from capitation.chance.document import read_uncertainty
from contracts.options.document import read_options


@pytest.mark.slow
def test_one_paragraph_says_how_likely_why_and_which_terms_would_be_safe(pack, blmk_run):
    document = read_options(pack.path("options/blmk.toml"))
    figures = read_uncertainty(pack.path("uncertainty/blmk.toml"))
    said = risk_paragraph(document, pack, blmk_run, figures, "shares", draws=300)
    whose = said.splitlines()
    assert len(whose) == 3  # a sentence a role with every option in it, and one for the terms
    for role, sentence in zip(("commissioner", "provider"), whose, strict=False):
        assert sentence.startswith(f"A {role}'s chance of missing its control total of 2018/19 runs from ")
        assert all(option.title in sentence for option in document.options) or "under every option" in sentence
        assert re.search(r"mostly because of [a-z ]+ \(\d+% of the spread\)", sentence)
        assert " The choice of option matters most to " in sentence
    body = next(option.title for option in document.options if option.body)
    assert (
        f"under {body} chance moves nothing of theirs, and 2 of 4 miss theirs whatever happens." in whose[0]
    )  # commissioners pay what is agreed
    assert len(said) < 2_000
    assert (
        "keep every locality's loss within 1.0% of its plan in 9 of 10 years, as far as chance, differences between years and list sizes "
        "move it (activity growth and prices are not in it)" in said
    )
    assert "a pool of £" in said
    assert re.search(r"a locality still keeps 2[4-7]% of the next pound it saves\.$", said)


@pytest.fixture(scope="module")
def document(pack):
    return read_options(pack.path("options/blmk.toml"))


@pytest.fixture(scope="module")
def figures(pack):
    return read_uncertainty(pack.path("uncertainty/blmk.toml"))


def test_the_paragraph_that_ships_is_that_of_the_documents_that_ship(pack, blmk_run, document, figures):
    """If this fails: capitation simulate blmk --keep data/blmk/risk/blmk.json"""
    assert shown_paragraph(document, pack, blmk_run, figures) == shipped_paragraph(pack, "blmk").says.splitlines()


def test_a_paragraph_that_rests_on_other_content_says_which_and_how_to_make_it_again(pack, blmk_run, document, figures):
    other = figures.model_copy(update={"title": "Another"})
    frames = {**blmk_run.frames, "unit_cost": blmk_run.frames["unit_cost"].head(3)}
    said = shown_paragraph(document, pack, type(blmk_run)(blmk_run.manifest, frames), other)
    assert said[:-1] == shipped_paragraph(pack, "blmk").says.splitlines()
    assert said[-1] == (
        "This was worked out before frame unit_cost, the uncertainties changed and may be out of date; "
        "`capitation simulate blmk --keep FILE` updates it in under a minute."
    )
    elsewhere = document.model_copy(update={"scenario": "vale"})
    assert "is stored for 'vale'" in shown_paragraph(elsewhere, pack, blmk_run, figures)[0]


@pytest.mark.deep
def test_a_kept_paragraph_is_what_draws_say_again(pack, blmk_run, document, figures, tmp_path):
    shipped = shipped_paragraph(pack, "blmk")
    made = kept_paragraph(document, pack, blmk_run, figures, shipped.family, shipped.draws, shipped.seed)
    assert made == shipped
    path = keep(made, tmp_path / "kept.json")
    assert path.read_text(encoding="utf-8") == pack.path("risk/blmk.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("misses", "said"),
    [
        ((0.9999, 1.0), "2018/19 is 100% for each of them"),
        ((0.25, 1.0), "2018/19 runs from 25% (one) to 100% (two)"),
    ],
)
def test_chances_that_round_to_one_percentage_are_said_once(document, misses, said):
    option, ends = document.options[0].id, zip(("one", "two"), misses, strict=True)
    chances = pl.DataFrame(
        [(option, "2018/19", "commissioner", code, miss, 1) for code, miss in ends],
        schema=["option", "year", "role", "organisation_code", "miss", "sd_pence"],
        orient="row",
    )
    layers = pl.DataFrame(
        [(option, "2018/19", "commissioner", "price", 1.0, 1)],
        schema=["option", "year", "role", "layer", "variance_share", "sd_pence"],
        orient="row",
    )
    assert said in party_sentences(document, {"party_chance": chances, "party_layer": layers})[0]
