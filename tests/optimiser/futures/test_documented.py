"""Delivery from an uncertainty document: the same fates as in a simulation of contracts, in the appraisal, the worst case and the futures."""

import numpy as np
import pytest

from capitation.chance.book import Book
from capitation.chance.document import Uncertainty, read_uncertainty
from capitation.chance.scores.draws import source
from capitation.chance.shared import Shared
from capitation.errors import CapitationError, DocumentError
from capitation.records.years import FinancialYear
from optimiser.answers.optimise import optimise
from optimiser.futures.appraisal import appraise
from optimiser.futures.appraisal.documented import LEAST, documented, drawn_futures, without_promises
from optimiser.futures.play import cvar_mix, robust_mix
from tests.optimiser.futures.test_appraisal import problem


@pytest.fixture(scope="module")
def figures(pack):
    return read_uncertainty(pack.path("uncertainty/blmk.toml"))


@pytest.fixture(scope="module")
def outcome():
    return optimise(problem(perspective="system"))


def _with(figures, **values):
    """The document with some figures of delivery changed."""
    spread = {
        name: getattr(figures.delivery, name).model_copy(update={"value": value})
        for name, value in values.items()
        if name not in {"effect", "cost"}
    }
    return figures.model_copy(update={"delivery": figures.delivery.model_copy(update=spread)})


def test_one_seed_gives_the_fates_of_a_simulation(figures, outcome):
    """A solution keeps its draws by its place in the problem; 20,000 draws take two blocks."""
    found = documented(outcome.problem, figures, 20_000, 7)
    names = tuple(s.id for s in outcome.problem.solutions)
    later = Book(FinancialYear("2020/21"), ("x",), np.ones(1), np.ones(1, np.int64), solutions=names)
    drawn = source("monte-carlo", 7, 20_000, ())
    shared = [Shared(figures, ("delivery",), drawn, block, np.float64).delivered(later) for block in (0, 1)]
    share, above = (np.concatenate([part[k] for part in shared], axis=1)[:, :20_000].T for k in (0, 1))
    assert (found.share * found.delivered.comes == share).all()
    assert (found.delivered.cost == 1 + above).all()
    few = documented(outcome.problem, figures, 30, 7)
    assert (few.share == found.share[:30]).all()
    assert found.delivered.late.mean() == pytest.approx(0.3, abs=0.02)
    assert 1 - found.delivered.comes.mean() == pytest.approx(0.1, abs=0.01)
    p10, p90 = np.quantile(found.share, [0.1, 0.9])
    assert (p10, found.share.mean(), p90) == pytest.approx((0.15, 0.5, 0.85), abs=0.01)


def test_promises_that_all_come_true_are_worth_what_the_plan_says(outcome, figures):
    """Costs still stand above plan; effects, savings and dates are those of the plan where all is delivered in time."""
    sure = _with(figures, delay=0, failure=0)
    full = sure.delivery.effect
    ones = {name: getattr(full, name).model_copy(update={"value": 1}) for name in ("p10", "mean", "p90")}
    none = {name: getattr(sure.delivery.cost, name).model_copy(update={"value": 0}) for name in ("low", "mode", "high")}
    sure = sure.model_copy(
        update={
            "delivery": sure.delivery.model_copy(
                update={"effect": full.model_copy(update=ones), "cost": sure.delivery.cost.model_copy(update=none)}
            )
        }
    )
    planned = appraise(outcome, draws=3, uncertainty=sure)
    assert planned.draws["npv"].to_list() == pytest.approx([planned.money["as_planned"][0]] * 3, rel=0.02)  # chords
    drawn = appraise(outcome, draws=400, uncertainty=figures, seed=3)
    assert set(drawn.layers["layer"]) == {"effects", "delay", "non-delivery", "cost", "all together"}
    assert drawn.money["mean"][0] < planned.money["mean"][0]
    never = appraise(outcome, draws=50, uncertainty=_with(figures, failure=1))
    assert never.activity["mean"].max() == 0.0
    assert appraise(outcome, draws=50, seed=3, uncertainty=figures).draws.equals(drawn.draws.head(50))


def test_a_disappointment_falls_to_the_tenth_percentile_of_the_document(figures):
    given = problem(perspective="system")
    found = robust_mix(given, gamma=1, uncertainty=figures)
    lower = robust_mix(given, gamma=1)
    assert (
        found.losses["loss"].max() > lower.losses["loss"].max()
    )  # 0.15 of the promise, against the low ends of the solutions
    half = figures.delivery.effect.p10.model_copy(update={"value": 1})
    none = figures.delivery.model_copy(update={"effect": figures.delivery.effect.model_copy(update={"p10": half})})
    sure = robust_mix(given, gamma=1, uncertainty=figures.model_copy(update={"delivery": none}))
    assert sure.worst == pytest.approx(sure.as_planned, abs=1e-6)


def test_what_is_known_of_one_solution_moves_it_alone_in_appraisal_worst_case_and_futures(figures, outcome):
    """One solution delivers all in full and on time, at half above its cost; every other keeps its draws."""
    name = outcome.problem.solutions[0].id
    about = {"unit": "share", "source": "assumption", "where": "a test", "owner": "us", "quality": "green"}
    full, half = ({"percentiles": {"chances": [0, 1], "values": [v, v], **about}} for v in (1, 0.5))
    sure = {**about, "value": 0}
    own = {"solution": name, "effect": full, "cost": half, "delay": sure, "failure": sure}
    content = figures.model_dump(mode="json", by_alias=True, exclude_none=True)
    known = Uncertainty.model_validate({**content, "delivery": {**content["delivery"], "solutions": [own]}})
    found, before = (documented(outcome.problem, document, 100, 7) for document in (known, figures))
    assert (found.share[:, 0] == 1).all()
    assert (found.delivered.cost[:, 0] == 1.5).all()
    assert (found.share[:, 1:] == before.share[:, 1:]).all()
    assert appraise(outcome, draws=60, seed=3, uncertainty=known).money["mean"][0] != pytest.approx(
        appraise(outcome, draws=60, seed=3, uncertainty=figures).money["mean"][0]
    )
    losses = robust_mix(outcome.problem, gamma=1, uncertainty=known).losses
    assert name not in losses["solution"].to_list()  # one that surely delivers cannot disappoint
    factors = [float(future.effect_factors[name]) for future in drawn_futures(outcome.problem, known, 5, 7)]
    assert factors == [1.0] * 5
    typed = known.model_copy(
        update={
            "delivery": known.delivery.model_copy(
                update={"solutions": (known.delivery.solutions[0].model_copy(update={"solution": name + "x"}),)}
            )
        }
    )
    for use in (
        lambda: appraise(outcome, draws=5, uncertainty=typed),
        lambda: robust_mix(outcome.problem, uncertainty=typed),
        lambda: drawn_futures(outcome.problem, typed, 2),
    ):
        with pytest.raises(DocumentError, match=f"{name}x.: found no such solution.*Did you mean '{name}'"):
            use()


def test_futures_are_drawn_and_weighed(figures):
    given = problem(perspective="system")
    futures = drawn_futures(given, figures, 12, 5)
    fates = documented(given, figures, 12, 5)
    for n, future in enumerate(futures):
        for i, s in enumerate(given.solutions):
            part = fates.share[n, i] * fates.delivered.comes[n, i] * (1 - fates.delivered.late[n, i] / len(given.years))
            assert float(future.effect_factors[s.id]) == pytest.approx(max(part, LEAST), abs=1e-6)
            assert float(future.cost_factors[s.id]) == pytest.approx(fates.delivered.cost[n, i], abs=1e-6)
    mix = cvar_mix(given.model_copy(update={"futures": futures}), alpha=0.25, weight=0.5)
    assert mix.values.height == 12
    assert mix.found.cvar <= mix.found.mean
    dear = given.model_copy(
        update={
            "futures": tuple(
                f.model_copy(update={"cost_factors": {s.id: 1_000 for s in given.solutions}}) for f in futures
            )
        }
    )
    assert max(cvar_mix(dear).scales.values(), default=0.0) == 0.0  # nothing is worth a thousand times its cost


def test_promises_that_a_drawn_future_may_miss_are_left_out_and_said():
    floor = [{"measure": "avoided", "at_least": 100, "at_most": 5_000}, {"measure": "spend", "at_most": 9}]
    given = problem(perspective="system", limits=floor)
    kept, notes = without_promises(given)
    assert (len(given.control_totals), kept.control_totals) == (1, ())
    assert [(x.measure, x.at_least, x.at_most) for x in kept.limits] == [("avoided", None, 5_000), ("spend", None, 9)]
    assert notes[0].startswith("1 control totals and 1 floors on measures are promises that a drawn future may miss")
    assert without_promises(kept)[1] == ()


def test_a_document_without_delivery_is_refused(figures, outcome):
    bare = figures.model_copy(update={"delivery": None})
    with pytest.raises(CapitationError, match=r"found no \[delivery\]"):
        appraise(outcome, draws=10, uncertainty=bare)
    with pytest.raises(CapitationError, match=r"found no \[delivery\]"):
        robust_mix(outcome.problem, uncertainty=bare)
    with pytest.raises(CapitationError, match="at least one draw"):
        documented(outcome.problem, figures, 0, 1)
