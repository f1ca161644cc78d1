"""What a plan is worked out from: scenario, data pack, contract options and problem, each of which a figure may stand in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from capitation.errors import Faults, ScenarioError
from capitation.pack.sources import DataPack
from capitation.records.documents import read_mapping
from capitation.records.identity import canonical, digest
from capitation.run.run import Run
from capitation.run.scenario import Scenario, read_scenario
from contracts.options.document import ContractOptions, read_options
from optimiser.problem.document import Problem, policy_of, read_problem

Spot = tuple[str | int, ...]
"""Where a value stands in a document: keys, and numbers of list items from 0."""


@dataclass(frozen=True)
class PlanInputs:
    """The documents of a plan and the pack that they stand in."""

    scenario: Scenario
    pack: DataPack
    options: ContractOptions | None = None
    options_file: Path | None = None
    problem: Problem | None = None
    problem_file: Path | None = None

    @property
    def stages(self) -> tuple[str, ...]:
        """What of a plan can be worked out from these."""
        found = ["allocations"]
        found += ["contract options"] if self.options is not None else []
        found += ["mix"] if self.problem is not None else []
        return tuple(found)

    def of(self, document: str) -> Any:  # noqa: ANN401  # any of the documents
        """One of the documents by its name here: "scenario", "options" or "problem"."""
        return getattr(self, document)

    def with_document(self, document: str, content: object) -> PlanInputs:
        """The same with another document of that name."""
        changes: dict[str, Any] = {document: content}
        return replace(self, **changes)

    def content_key(self, run: Run) -> str:
        """A digest of all that the log rests on: the run (its code, figures and scenario), the options and the problem."""
        said: dict[str, object] = {"run": run.id}
        for name in ("options", "problem"):
            document = self.of(name)
            said[name] = None if document is None else document.model_dump_json()
        return digest(canonical(said))


Change = Callable[[PlanInputs, Decimal], PlanInputs]
"""Inputs with one assumption at another value."""


def inputs_of(run: Run, pack: DataPack, options: Path | None = None, problem: Path | None = None) -> PlanInputs:
    """The documents behind a written run: its scenario, and the options and problem named or, without names, those of the pack for it.

    Args:
        run: a run of a scenario, of a plan, or of contract options.
        pack: the pack that it was made from.
        options: file of contract options.
        problem: file of a problem.

    Raises:
        ScenarioError: the run is of no scenario of the pack.
    """
    content = run.manifest.scenario
    if "money" in content:
        scenario = Scenario.model_validate(content)
    else:
        named = content.get("scenario")
        if isinstance(named, dict):
            scenario = Scenario.model_validate(named)
        else:
            files = {name: f"scenarios/{name}.toml" for name in pack.names("scenarios")}
            if named not in files:
                faults = Faults()
                faults.add("scenario of the run", repr(named), f"one of {', '.join(files) or 'none'}")
                faults.raise_if_any(ScenarioError, f"{run}: its assumptions cannot be found")
            scenario = read_scenario(pack.path(files[str(named)]))
    options = options or _of_run(run, pack, "options") or _that_names(pack, "options", scenario.id)
    problem = problem or _of_run(run, pack, "problems") or _problem_of(pack, scenario.id)
    return PlanInputs(
        scenario,
        pack,
        None if options is None else read_options(options),
        options,
        None if problem is None else read_problem(problem),
        problem,
    )


def _of_run(run: Run, pack: DataPack, room: str) -> Path | None:
    """The document of a room of the pack that a plan was made from; none where it was not."""
    named = [name for name in run.manifest.inputs if name.startswith(f"{room}/") and name.count("/") == 1]
    return pack.files(named[0]).get(named[0]) if len(named) == 1 else None


def _that_names(pack: DataPack, room: str, scenario: str) -> Path | None:
    for name in pack.names(room):
        path = pack.files(f"{room}/{name}.toml")[f"{room}/{name}.toml"]
        if read_mapping(path).get("scenario") == scenario:
            return path
    return None


def _problem_of(pack: DataPack, scenario: str) -> Path | None:
    for path in pack.files("problems/*.toml").values():
        policy = policy_of(path)
        named = None if policy is None else read_mapping(policy).get("run", {}).get("scenario")
        if named is not None and Path(named).stem == scenario:
            return path
    return None


def at(thing: Any, spot: Spot) -> Any:  # noqa: ANN401  # walks any document
    """What stands at a spot of a document."""
    for key in spot:
        thing = getattr(thing, str(key)) if isinstance(thing, BaseModel) else thing[key]
    return thing


def put(thing: Any, spot: Spot, value: object) -> Any:  # noqa: ANN401  # walks any document
    """The document with a value at a spot; the one given stays as it is."""
    if not spot:
        return value
    key, rest = spot[0], spot[1:]
    if isinstance(thing, BaseModel):
        return thing.model_copy(update={str(key): put(getattr(thing, str(key)), rest, value)})
    if isinstance(thing, dict):
        return {**thing, key: put(thing[key], rest, value)}
    items = list(thing)
    items[int(key)] = put(items[int(key)], rest, value)
    return tuple(items) if isinstance(thing, tuple) else items


__all__ = ["Change", "PlanInputs", "Spot", "at", "inputs_of", "put"]
