"""What a workbook for people has beside its run: what codes are called, and the assumptions by what they move."""

from __future__ import annotations

from pathlib import Path

from api.charts.material import names_of
from api.workbooks.assumption_sheets import AssumptionTable
from api.workbooks.sources import source_in_words
from capitation.errors import CapitationError
from capitation.pack.sources import DataPack
from capitation.run.run import Run
from contracts.options.document import read_options
from optimiser.links.assumed.inputs import inputs_of
from optimiser.links.assumed.shown import kept_log, names_in_log
from optimiser.links.assumed.words import log_table


def called(run: Run, pack: DataPack) -> dict[str, str]:
    """Names of all codes of a run, those of the cases of activity that its contract options are tried on among them."""
    cases = {
        case.id: case.title
        for name in pack.names("options")
        for case in read_options(pack.path(f"options/{name}.toml")).cases
    }
    chain = run.frames.get("bridge")
    sources = set() if chain is None else set(chain["source"].drop_nulls())
    cases |= {source: source_in_words(source, pack) for source in sources}
    return {"plan": "Activity as planned", "mix": "With the mix of investments", **cases, **names_of(run, pack)}


def assumed(run: Run, pack: DataPack, folder: Path | None = None) -> AssumptionTable | None:
    """The log of assumptions of a run as a table, what moves a headline most first; None where none is kept."""
    try:
        inputs = inputs_of(run, pack)
    except (CapitationError, ValueError):  # a run of something else, or of a scenario that this pack does not have
        return None
    log = kept_log(run, inputs, folder)
    return None if log is None else AssumptionTable(log_table(log, names_in_log(run, inputs)), log.count)
