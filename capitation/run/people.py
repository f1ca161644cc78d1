"""The people of a scenario: the map, their need, their lists and ages by year, and what their practices opened with."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from capitation.errors import CapitationError, Faults, FrameError
from capitation.pace.history import HospitalDistance, StreamOpening, hospital_distances
from capitation.pace.opening import PracticeOpening, commissioner_shares, practice_openings
from capitation.pack.sources import DataPack, RawTable
from capitation.places.ages import AgeIndex, age_indices
from capitation.places.membership import Membership, membership, membership_of
from capitation.places.moved_lists import ListMovement, list_movement
from capitation.records.frames import Frame
from capitation.run.scenario import Scenario
from capitation.streams.control_total import ControlTotal
from capitation.weighting.formula import need_catalogue
from capitation.weighting.inputs import need_inputs
from capitation.weighting.population import ListBase, PracticeList, ProjectedList, ProjectedTotal, project_lists
from capitation.weighting.practice_weights import PracticeWeight, PracticeWeights, practice_weights
from capitation.weighting.weigh import Need, need


def system_members(scenario: Scenario, pack: DataPack) -> Frame[Membership]:
    """The map of the scenario: its only year, else the year of the lists or of the need."""
    file = scenario.files.membership
    return membership_of(membership(pack, file), [scenario.population.base_year, scenario.need_year], file)


def stream_needs(scenario: Scenario, pack: DataPack, table: RawTable) -> dict[str, Need]:
    """The need of every practice by the formula of each stream, normalised to the system's own registered persons."""
    catalogue = need_catalogue(pack)
    found: dict[str, Need] = {}
    for rule in scenario.streams:
        formula = catalogue.formula(rule.formula)
        named = {"registered_persons": scenario.population.column} if scenario.population.column else {}
        inputs = need_inputs(table, formula, year=scenario.need_year, column_map=named)
        found[rule.stream] = need(formula, inputs.components, inputs.year, base="file")
    return found


@dataclass(frozen=True)
class Apart:
    """What moves practices apart from each other: lists, ages, the way to a hospital; none where the scenario does not ask for it."""

    lists: Frame[ListMovement] | None = None
    ages: Frame[AgeIndex] | None = None
    distances: tuple[tuple[str, Frame[HospitalDistance]], ...] = ()
    """Kilometres by file; most scenarios have one file."""


def moved_apart(scenario: Scenario, needs: dict[str, Need], members: Frame[Membership], pack: DataPack) -> Apart:
    """Movement of lists, indices of ages and ways to hospitals, from the tables that the scenario names.

    Raises:
        FrameError: the tables cannot be read, or do not fit the map; every fault of all of them at once.
    """
    plan, faults = scenario.population, Faults()
    base = next(iter(needs.values())).practices.select("practice_code", "registered_persons")
    base = base.join(members.select("practice_code", "place_code"), on="practice_code", how="left", validate="1:1")
    codes = base["practice_code"].sort().to_list()
    years = [total.year for total in plan.totals]
    lists = ages = None
    if plan.lists is not None:
        with _gathered(faults):
            lists = list_movement(plan.lists, base, plan.base_year, years, pack, faults)
    if plan.ages is not None:
        with _gathered(faults):
            ages = age_indices(plan.ages, codes, plan.base_year, years, pack, faults)
    ways = []
    by_use = [rule.opening for rule in scenario.streams if rule.opening is not None and rule.opening.inside == "use"]
    for file in dict.fromkeys(opening.distances for opening in by_use):
        with _gathered(faults):
            ways.append((file, hospital_distances(file, codes, pack, faults)))
    faults.raise_if_any(FrameError, "lists, ages and ways to hospitals do not fit the map of the practices")
    return Apart(lists, ages, tuple(ways))


class _gathered:  # noqa: N801  # reads as the verb that it is in a with statement
    """Keeps the faults of a table that cannot be read, so that those of the other tables are reported with them."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, CapitationError):
            return False
        if error.faults:
            self._faults.extend(error.faults)
        else:
            self._faults.add(error.message, "a table that cannot be read", "a table as its README says")
        return True


def projected_lists(scenario: Scenario, needs: dict[str, Need], apart: Apart) -> Frame[ProjectedList]:
    """Registered persons of every practice in every year, the opening year included."""
    first = next(iter(needs.values())).practices
    plan = scenario.population
    base = ListBase(
        title=plan.title, counted_on=plan.counted_on, year=plan.base_year, source=plan.source, where=plan.where
    )
    totals = pl.DataFrame(
        {"year": [str(t.year) for t in plan.totals], "registered_persons": [float(t.persons) for t in plan.totals]}
    )
    lists = PracticeList.validate(first.select("practice_code", "registered_persons"))
    return project_lists(lists, base, ProjectedTotal.validate(totals), apart.lists)


def weights_by_year(needs: dict[str, Need], people: Frame[ProjectedList], apart: Apart) -> PracticeWeights:
    """Weights of every stream, year and practice, with the ages that move need."""
    return practice_weights(needs, people, apart.ages, lists_move_apart=apart.lists is not None)


def opening_baselines(
    scenario: Scenario,
    money: ControlTotal,
    people: Frame[ProjectedList],
    weights: Frame[PracticeWeight],
    members: Frame[Membership],
    apart: Apart,
    pack: DataPack,
) -> Frame[PracticeOpening]:
    """Opening baselines of practices for the paced streams."""
    year, paced = scenario.opening_year, scenario.paced
    if not paced:
        return PracticeOpening.validate(pl.DataFrame(schema=PracticeOpening.dtypes()))
    totals = money.totals.filter(
        (pl.col("year") == year) & (pl.col("recurrence") == "recurrent") & pl.col("stream").is_in(paced)
    )
    practices = (
        people.filter(pl.col("year") == year)
        .select("practice_code", "registered_micro")
        .join(members.select("practice_code", "commissioner_code"), on="practice_code", how="left", validate="1:1")
    )
    require_members(practices, "commissioner_code")
    openings = {rule.stream: rule.opening for rule in scenario.streams if rule.stream in paced}
    shares = {stream: commissioner_shares(opening) for stream, opening in openings.items()}
    if any(opening is not None and opening.inside != "heads" for opening in openings.values()):
        practices = _as_each_stream_weights(practices, weights, openings, apart, year)
    return practice_openings(totals, practices, shares, pack, openings)


def _as_each_stream_weights(
    practices: pl.DataFrame,
    weights: Frame[PracticeWeight],
    openings: dict[str, StreamOpening | None],
    apart: Apart,
    year: str,
) -> pl.DataFrame:
    """The practices once a stream, with weighted persons of the opening year and kilometres where its opening reads them."""
    ways = {file: table.select("practice_code", "kilometres") for file, table in apart.distances}
    none = practices.select("practice_code", pl.lit(None, dtype=pl.Float64).alias("kilometres"))
    opened = weights.filter(pl.col("year") == year).select("stream", "practice_code", "weighted_persons")
    found = []
    for stream, opening in openings.items():
        way = none if opening is None or opening.inside != "use" else ways[opening.distances]
        mine = opened.filter(pl.col("stream") == stream).join(way, on="practice_code", how="left", validate="1:1")
        found.append(practices.join(mine, on="practice_code", how="left", validate="1:1"))
    return pl.concat(found)


def require_members(practices: pl.DataFrame, column: str) -> None:
    """Refuse practices that the map does not name.

    Raises:
        FrameError: with the first of them.
    """
    lost = practices.filter(pl.col(column).is_null())["practice_code"].unique().sort()
    if len(lost):
        raise FrameError(
            f"practices without a locality and commissioner: {', '.join(lost.head(10))}; add them to the membership"
        )
