"""The assumptions that matter most, for a screen that cannot wait: what is kept of the log, in sentences, and why it may be stale."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from capitation.errors import CapitationError
from capitation.run.run import Run
from optimiser.links.assumed.inputs import PlanInputs
from optimiser.links.assumed.kept import AssumptionLog, kept_in, rests_on, shipped_log, stale_because
from optimiser.links.assumed.words import sentences

REMAKE = "`capitation assumptions RUN` updates it in a few minutes"


@dataclass(frozen=True)
class Foremost:
    """The first assumptions of a kept log."""

    sentences: tuple[str, ...]
    """In words, what moves most first; none where no log is kept."""
    stale: tuple[str, ...]
    """Why a new log may say something else; none where all that it rests on is as it was."""
    count: int = 0
    """How many assumptions the whole log has."""


def foremost(run: Run, inputs: PlanInputs, folder: Path | None = None, most: int = 3) -> Foremost:
    """The assumptions that matter most by the log kept with a run, else by the one that ships in its pack.

    Args:
        run: the scenario's run, or a run that holds it.
        inputs: its documents (`inputs_of`).
        folder: folder of the written run, where it is written.
        most: how many.
    """
    log = kept_log(run, inputs, folder)
    if log is None:
        return Foremost((), (f"no log of assumptions is stored; {REMAKE}",))
    names = names_in_log(run, inputs)
    stale = stale_because(log, rests_on(inputs, run, log))
    return Foremost(tuple(sentences(log, names, most)), tuple(stale and [*stale, REMAKE]), log.count)


def names_in_log(run: Run, inputs: PlanInputs) -> dict[str, str]:
    """Names of organisations and places of a run and titles of contract options, by the codes that a log has."""
    names = dict(run.frames["code_name"].select("code", "name").iter_rows()) if "code_name" in run.frames else {}
    options = () if inputs.options is None else inputs.options.options
    return names | {option.id: option.title for option in options}


def kept_log(run: Run, inputs: PlanInputs, folder: Path | None = None) -> AssumptionLog | None:
    """The log kept with a written run for all that it rests on now, else the one that ships in its pack; None where there is neither."""
    own = None if folder is None else kept_in(folder, inputs.content_key(run))
    if own is not None:
        return own
    try:
        return shipped_log(inputs.pack, inputs.scenario.id)
    except CapitationError:
        return None


__all__ = ["Foremost", "foremost", "kept_log", "names_in_log"]
