"""Whether a written problem still has the solutions of its pack: a solution file added since is not ignored without a word."""

from __future__ import annotations

from pathlib import Path

from capitation.pack.layers import pack_of
from capitation.pack.sources import DataPack
from capitation.records.documents import read_mapping
from optimiser.problem.document import policy_of


def stale_problem(problem: Path) -> list[str]:
    """The sentence for one problem file of a pack, if its solutions are not its pack's; none for a file outside a pack."""
    folder = pack_of(problem)
    if folder is None or problem.resolve().parent != folder / "problems":
        return []
    return stale_problems(DataPack(folder), problem.stem)


def stale_problems(pack: DataPack, only: str | None = None) -> list[str]:
    """A sentence for each problem written from a policy (`problems/NAME/policy.toml`) whose solutions are not its pack's."""
    said = []
    for name in pack.names("problems") if only is None else [only]:
        written = pack.path(f"problems/{name}.toml")
        policy = policy_of(written)
        if policy is None:
            continue
        chosen = read_mapping(policy).get("run", {}).get("solutions") or pack.names("solutions")
        has = [solution.get("id") for solution in read_mapping(written).get("solutions", [])]
        lacks, extra = sorted(set(chosen) - set(has)), sorted(set(map(str, has)) - set(chosen))
        found = [f"it lacks {', '.join(lacks)}"] if lacks else []
        found += [f"it has {', '.join(extra)}, which the pack has not"] if extra else []
        if found:
            said.append(
                f"problems/{name}.toml is older than the solutions of its pack: {'; '.join(found)}. "
                f"`capitation problem write {policy}` writes it again"
            )
    return said
