"""One paragraph on risk: how likely each party misses its total under each option, why, and which terms would make localities safe."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from api.boards.risk.kept import KeptParagraph, rests_on, shipped_paragraph, stale_because
from api.boards.risk.parties import CAUSES, party_summary
from api.boards.tables import listed
from api.charts.material import names_of
from capitation.chance.document import Uncertainty, read_uncertainty
from capitation.chance.simulate import Request, SimulationWork
from capitation.errors import InfeasibleError
from capitation.pack.sources import DataPack
from capitation.run.run import Run
from capitation.sentences import small
from contracts.options.document import ContractOptions
from contracts.risk.design.family import TermFamily, read_family
from contracts.risk.design.search import Designed
from contracts.risk.design.study import design_family
from contracts.risk.parties import party_model
from contracts.risk.study import party_risk
from optimiser.links.terms.finder import linear_terms

DRAWS = 2_000
"""Draws of the parties: chances good to a percent."""

SEARCHED, VERIFIED = 2_048, 10_000
"""Points searched for terms, and draws by which they are verified."""


def risk_paragraph(  # what is simulated, and how closely
    document: ContractOptions,
    pack: DataPack,
    run: Run,
    uncertainty: Uncertainty,
    family: str = "corridor",
    draws: int = DRAWS,
    seed: int = 1,
    work: SimulationWork | None = None,
) -> str:
    """How likely each party is to miss its total under each option and why, then the terms of a family that make localities safe.

    One line a role, and one for the terms.

    Args:
        document: the options.
        pack: data pack with the contracts and families that ship.
        run: the run of their scenario.
        uncertainty: what is uncertain.
        family: id of a family of terms that ships.
        draws: draws of the parties.
        seed: where the draws begin.
        work: threads and cancel.
    """
    made = party_model(document, pack, run, uncertainty)
    _, frames = party_risk(made, Request(draws, seed), work)
    sought, contract = read_family(pack.path(f"families/{family}.toml"))
    try:
        found, designed = design_family(
            sought, contract, run, uncertainty, seed, VERIFIED, work, searched=SEARCHED, finder=linear_terms
        )
        safe = safe_sentence(sought, found, designed)
    except InfeasibleError as error:
        safe = f"No terms of this kind make every locality safe: {error.message}."
    return "\n".join([*party_summary(made.document, frames, names_of(run, pack)), safe])


REMAKE = "`capitation simulate {scenario} --keep FILE` updates it in under a minute"


def kept_paragraph(
    document: ContractOptions,
    pack: DataPack,
    run: Run,
    uncertainty: Uncertainty,
    family: str = "corridor",
    draws: int = DRAWS,
    seed: int = 1,
    work: SimulationWork | None = None,
) -> KeptParagraph:
    """The paragraph of `risk_paragraph` with checksums of what it rests on, to be kept."""
    says = risk_paragraph(document, pack, run, uncertainty, family, draws, seed, work)
    inputs = rests_on(document, pack, run, uncertainty, family)
    return KeptParagraph(
        scenario=document.scenario, options=document.id, family=family, draws=draws, seed=seed, inputs=inputs, says=says
    )


def shown_paragraph(document: ContractOptions, pack: DataPack, run: Run, uncertainty: Uncertainty) -> list[str]:
    """The paragraph that the pack keeps for a scenario, and where it may be stale; without draws, in a moment."""
    remake = REMAKE.format(scenario=document.scenario)
    found = shipped_paragraph(pack, document.scenario)
    if found is None:
        return [f"No paragraph on risk is stored for {document.scenario!r}; {remake}."]
    moved = stale_because(found, rests_on(document, pack, run, uncertainty, found.family))
    if not moved:
        return found.says.splitlines()
    named = f"{', '.join(moved[:4])}{' ...' if len(moved) > 4 else ''}"
    return [*found.says.splitlines(), f"This was worked out before {named} changed and may be out of date; {remake}."]


def current_paragraph(document: ContractOptions, pack: DataPack, run: Run) -> list[str]:
    """The lines that the pack keeps for a scenario where all that they rest on is as in this run; none otherwise."""
    relative = f"uncertainty/{document.scenario}.toml"
    found, uncertain = shipped_paragraph(pack, document.scenario), pack.files(relative)
    if found is None or relative not in uncertain or found.options != document.id:
        return []
    now = rests_on(document, pack, run, read_uncertainty(uncertain[relative]), found.family)
    return [] if stale_because(found, now) else found.says.splitlines()


def safe_sentence(family: TermFamily, found: Designed, frames: Mapping[str, pl.DataFrame]) -> str:
    """Which terms and pool keep every locality safe in so many years, and what incentive is left."""
    limit = next((each for each in family.limits if each.party == "locality"), family.limits[0])
    pool = frames["designed_pool"].row(by_predicate=pl.col("basis") == "net", named=True)
    years = f"{(1 - float(limit.chance)) * 10:g} of 10 years"
    return (
        f"{family.title} ({_terms(family, found)}) would keep every locality's loss within {float(limit.level.value):.1%} of its "
        f"plan in {years}{_against(family)}; a pool of £{pool['pool_pence'] / 1e8:.1f}m covers {pool['cover']:.0%} of years, and a locality still keeps "
        f"{found.incentive.value:.0%} of the next pound it saves."
    )


def _against(family: TermFamily) -> str:
    """What the years differ by, and what is not in them."""
    drawn = [words for layer, words in CAUSES.items() if layer in family.layers]
    left = [CAUSES[layer] for layer in ("growth", "price") if layer not in family.layers]
    return f", as far as {listed(drawn)} move it" + (f" ({listed(left)} are not in it)" if left else "")


def _terms(family: TermFamily, found: Designed) -> str:
    """The figures that were found, shares as percent."""
    shares = {each.name for each in family.open_figures if each.unit.startswith("share")}
    about = {str(each.get("name")): str(each.get("about", "")) for each in family.contract.get("parameters", [])}
    return "; ".join(
        f"{small(about.get(name) or name.replace('_', ' '))}: {f'{value:.1%}' if name in shares else f'{value:,.4g}'}"
        for name, value in found.figures.items()
    )


__all__ = ["current_paragraph", "kept_paragraph", "risk_paragraph", "safe_sentence", "shown_paragraph"]
