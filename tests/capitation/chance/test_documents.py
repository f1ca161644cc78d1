"""Uncertainty documents: the shipped one reads, every figure has a source, and what cannot be is named at once."""

import re

import pytest
from pydantic import BaseModel

from capitation.chance.document import LAYERS, RISK, Uncertainty, read_uncertainty
from capitation.errors import DocumentError
from capitation.records.documents import Figure
from tests.capitation.chance.places import by_person, figure


def figures_of(model):
    for name in type(model).model_fields:
        yield from _figures(getattr(model, name))


def _figures(value):
    if isinstance(value, Figure):
        yield value
    elif isinstance(value, BaseModel):
        yield from figures_of(value)
    elif isinstance(value, tuple):
        for each in value:
            yield from _figures(each)


def test_the_shipped_document_has_every_layer_and_each_figure_its_source(pack):
    document = read_uncertainty(pack.path("uncertainty/blmk.toml"))
    assert document.layers == LAYERS == tuple(RISK)
    found = list(figures_of(document))
    assert len(found) > 20
    for each in found:
        assert each.source in pack.sources or (each.source == "assumption" and each.owner)
        assert each.where
        assert each.quality
    assert list(document.misses()) == []


def test_the_shipped_cv_follows_from_the_published_overspends(pack):
    from statistics import NormalDist

    cell = {
        (row, column): float(value.rstrip("%")) / 100
        for row, column, value in pack.printed("chance-of-local-budgets", "published")
        .select("row", "column", "value")
        .iter_rows()
        if value.endswith("%")
    }
    score = NormalDist().inv_cdf
    published = [
        over / score(1 - cell[f"commissioners of {people} people", f"overspend by more than {over:.0%}"]) * people**0.5
        for people, over in ((100_000, 0.01), (100_000, 0.02), (300_000, 0.01))
    ]
    assert published == pytest.approx([3.76, 3.61, 3.52], abs=0.005)
    cv = read_uncertainty(pack.path("uncertainty/blmk.toml")).chance.cv
    assert float(cv.value) == pytest.approx(sum(published[:2]) / 2, abs=0.01)
    assert float(cv.low) <= min(published)
    assert max(published) <= float(cv.high)
    lower = [
        cell["minimum savings rate", f"{people} beneficiaries"] / score(sure) * people**0.5
        for people, sure in ((5_000, 0.90), (20_000, 0.95), (60_000, 0.99))
    ]
    assert lower == pytest.approx([2.152, 2.149, 2.106], abs=0.001)


@pytest.fixture
def written(tmp_path, pack):
    """Writes the shipped document with a change and gives its path."""
    text = pack.path("uncertainty/blmk.toml").read_text(encoding="utf-8")

    def write(pattern, replacement, count=0):
        changed, times = re.subn(pattern, replacement, text, count=count, flags=re.DOTALL)
        assert times, f"{pattern} is not in the document"
        path = tmp_path / "changed.toml"
        path.write_text(changed, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize(
    ("pattern", "replacement", "words"),
    [
        (r"value = 3\.68", "value = -3.68", "chance: found .* expected a cv above 0"),
        (r"value = 3\.68", "value = 1e300", "chance: found .* a cv above 0 and at most 100, not 1E\\+300"),
        (
            r"low = 3\.5",
            "low = 3.9",
            "chance.cv: found .* expected a low that is not above the high, not 3.9 to 3.8",
        ),
        (r"sd = \{ value = 0\.040", "sd = { value = 40", "a standard deviation of at least 0 and at most 1, not 40"),
        (
            r'lines = \["ae", "ambulance"',
            'lines = ["ae", "ae"',
            "growth.lines: found 'ae' 2 times; expected each line once",
        ),
        (r'from = "2016/17"', 'from = "2016/18"', "from: found '2016/18'; expected a financial year, its second part"),
        (r"sd = \{ value = 0\.040", "sd = { value = -0.040", "expected a standard deviation of at least 0"),
        (r"value = 0\.11,", "value = 1.11,", "ae with non-elective: found 1.11; expected between -1 and 1"),
        (r'lines = \["ae", "non-elective"\]', 'lines = ["ae"]', "each line that has a shock, once: ae, non-elective"),
        (r'line = "non-elective"', 'line = "ae"', "shocks: found 'ae' 2 times; expected each line once"),
        (r"p10 = \{ value = -0\.017", "p10 = { value = 0.017", "p10 0.017, mean 0 and p90 0.027 in that order"),
        (r"mode = \{ value = 1\.00", "mode = { value = 1.10", "low 0.97, mode 1.10 and high 1.05 in that order"),
        (r"failure = \{ value = 0\.1", "failure = { value = 1.1", "failure between 0 and 1"),
        (
            r'shape = "normal"',
            'shape = "bell"',
            "chance.shape: found 'bell'; expected 'normal', 'lognormal' or 'gamma'",
        ),
        (r'shape = "normal"', 'shap = "normal"', "Did you mean 'shape'"),
        (r"p10 = \{ value = -0\.017", "p10 = { value = -0.6", "list_size between -0.5 and 1, not -0.6 to 0.027"),
        (r"p90 = \{ value = 0\.027", "p90 = { value = 1.2", "list_size between -0.5 and 1, not -0.017 to 1.2"),
        (r"low = \{ value = 0\.97", "low = { value = -0.97", "price between 0 and 10, not -0.97 to 1.05"),
        (r"high = \{ value = 0\.0285", "high = { value = 2.85", "growth.rate between -0.5 and 1, not 0 to 2.85"),
        (r', owner = "Head of analytics", quality', ", quality", "an assumption needs an owner and a quality mark"),
    ],
)
def test_a_document_that_cannot_be_is_refused_by_name(written, pattern, replacement, words):
    path = written(pattern, replacement)
    with pytest.raises(DocumentError, match=words) as raised:
        read_uncertainty(path)
    assert str(path) in str(raised.value)


def test_correlations_that_do_not_hold_together_come_with_the_nearest_that_do(tmp_path, written):
    path = written(r"\[correlation\].*?\n\]\n", _correlated(0.9, -0.9, 0.9), 1)
    path.write_text(
        path.read_text(encoding="utf-8").replace(
            "[correlation]", '[[shocks]]\nline = "elective"\nsd = ' + _inline(0.02) + "\n\n[correlation]"
        ),
        encoding="utf-8",
    )
    with pytest.raises(
        DocumentError,
        match=r"negative variance.*The nearest matrix that holds together is \[\[1\.0, 0\.4999, -0\.4998\]",
    ):
        read_uncertainty(path)


def _inline(value):
    return (
        "{ "
        + ", ".join(f"{k} = {v if isinstance(v, int | float) else repr(v)}" for k, v in figure(value).items())
        + " }"
    )


def _correlated(ab, ac, bc):
    rows = [[1, ab, ac], [ab, 1, bc], [ac, bc, 1]]
    body = ",\n".join("[" + ", ".join(_inline(v) for v in row) + "]" for row in rows)
    return f'[correlation]\nlines = ["ae", "non-elective", "elective"]\nmatrix = [\n{body}\n]\n'


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({"counts": "negative-binomial", "cost_cv_squared": figure(1)}, "a dispersion above 1"),
        ({"counts": "poisson", "dispersion": figure(2), "cost_cv_squared": figure(1)}, "no dispersion with poisson"),
        ({"counts": "poisson", "cost": "gamma"}, "cost_cv_squared and no cost_spread with a gamma cost"),
        ({"counts": "poisson", "cost_cv_squared": figure(-1)}, "a variance above 0"),
        ({"counts": "poisson", "cost": "empirical"}, "cost_spread and no cost_cv_squared"),
        (
            {
                "counts": "poisson",
                "cost": "empirical",
                "cost_spread": {"p10": figure(0.1), "mean": figure(1.2), "p90": figure(2)},
            },
            "whose mean is 1",
        ),
    ],
)
def test_a_line_without_what_its_curve_needs_is_refused(line, words):
    with pytest.raises(ValueError, match=words):
        by_person(chance={"cv": figure(3.68), "lines": [{"line": "ae", **line}]})


def test_a_line_given_twice_is_refused():
    line = {"line": "ae", "counts": "poisson", "cost_cv_squared": figure(0.38)}
    with pytest.raises(ValueError, match="each line once"):
        by_person(chance={"cv": figure(3.68), "lines": [line, line]})


def test_a_spread_that_no_curve_meets_says_how_far_off_it_is():
    spread = {"p10": figure(0.1), "mean": figure(0.2), "p90": figure(0.8)}
    ((name, miss),) = by_person(list_size=spread).misses()
    assert name == "list_size"
    assert 0 < miss < 0.1


def test_layers_are_those_with_figures():
    document = by_person(shocks=[{"line": "all", "sd": figure(0.02)}])
    assert isinstance(document, Uncertainty)
    assert document.layers == ("chance", "environment")
