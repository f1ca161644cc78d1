"""Risk for a board: how likely each party misses its total under each option, and the pictures and files that go with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import polars as pl

from api.boards.tables import listed
from api.charts import Choice, Material, charts_of, of_frames, svg
from api.exports.plain_cells import plain_cells
from api.exports.pounds import in_pounds
from capitation.errors import UnknownNameError
from capitation.pack.sources import DataPack
from capitation.sentences import capital
from contracts.options.document import ContractOptions
from contracts.risk.parties import PARTY_ROLES, PartyModel, PartySimulation


def charted(made: PartyModel, named: Sequence[str]) -> list[tuple[str, str]]:
    """Role and code of the parties to draw: those named, else the largest of each role.

    Raises:
        UnknownNameError: no party has such a code.
    """
    known = [code for _, code in made.parties]
    for code in named:
        if code not in known:
            raise UnknownNameError("party", code, known, where=f"options {made.document.id}")
    if named:
        return [party for party in made.parties if party[1] in named]
    sizes = made.sizes[0].max(axis=0)
    found = []
    for role in PARTY_ROLES:
        mine = [k for k, (r, _) in enumerate(made.parties) if r == role]
        found += [made.parties[max(mine, key=lambda k: float(sizes[k]))]] if mine else []
    return found


def pictures(
    found: PartySimulation, frames: Mapping[str, pl.DataFrame], parties: Sequence[tuple[str, str]], pack: DataPack
) -> dict[str, str]:
    """SVG text by file name: a fan by option, the S-curves and the layers of the first year of the new contracts."""
    made = found.model
    document = made.document
    base = of_frames(frames, document.title, f"{found.draws:,} draws", pack)
    titles = {option.id: option.title for option in document.options}
    charts = charts_of(
        base.joined(Material("", base.source, {}, titles, facts={"first_year": str(document.first_year)}))
    )
    out = {}
    for _, code in parties:
        out[f"s-curve-{code}.svg"] = svg(charts.figure("s-curve", Choice(party=code)))
        for option in made.options:
            choice = Choice(party=code, option=option)
            out[f"fan-{code}-{option}.svg"] = svg(charts.figure("fan", choice))
            out[f"tornado-{code}-{option}.svg"] = svg(charts.figure("layers", choice))
    return out


def files_of(
    frames: Mapping[str, pl.DataFrame], drawn: Mapping[str, str], folder: Path
) -> dict[Path, Callable[[Path], object]]:
    """What fills each file of a simulation: frames as CSV with money in pounds, and pictures."""
    tables = {folder / f"{name}.csv": partial(_write_table, frame) for name, frame in frames.items()}
    return {**tables, **{folder / name: partial(_write_picture, text) for name, text in drawn.items()}}


def _write_table(frame: pl.DataFrame, path: Path) -> None:
    plain_cells(in_pounds(frame)).write_csv(path)


def _write_picture(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8")


CAUSES = {
    "chance": "chance",
    "environment": "differences between years",
    "list-size": "list sizes",
    "growth": "activity growth",
    "price": "prices",
    "delivery": "under-delivery of the mix",
}
"""What a board calls the layers of what is drawn."""


def party_sentences(
    document: ContractOptions, frames: Mapping[str, pl.DataFrame], names: Mapping[str, str] | None = None
) -> list[str]:
    """One sentence an option: how likely a party of each role misses its total in the first year, and why.

    Args:
        document: the options.
        frames: `party_chance` and `party_layer` of a simulation.
        names: names of organisations by code, where they are to stand instead.
    """
    first, named = str(document.first_year), names or {}
    rows = frames["party_chance"].filter(pl.col("year") == first)
    layers = frames["party_layer"].filter(pl.col("year") == first, pl.col("layer") != "together")
    out = []
    for option in document.options:
        words = []
        for role in PARTY_ROLES:
            mine = rows.filter(pl.col("option") == option.id, pl.col("role") == role, pl.col("sd_pence") > 0)
            if mine.is_empty():
                continue
            low, high = _ends(mine, named)
            runs = _is_or_runs(low, high)
            words.append(
                f"a {role}'s chance of missing its control total of {first} {runs}"
                + _because(layers.filter(pl.col("option") == option.id, pl.col("role") == role))
            )
        said = "; ".join(words)
        out.append(f"{option.title}. {capital(said)}." if words else f"{option.title}. Nothing moves.")
    return out


def party_summary(
    document: ContractOptions, frames: Mapping[str, pl.DataFrame], names: Mapping[str, str] | None = None
) -> list[str]:
    """One sentence a role: how likely its parties miss their totals in the first year, option by option, and why.

    Options under which the least and the most likely party are the same with the same chance stand together.

    Args:
        document: the options.
        frames: `party_chance` and `party_layer` of a simulation.
        names: names of organisations by code, where they are to stand instead.
    """
    first, named = str(document.first_year), names or {}
    every_row = frames["party_chance"].filter(pl.col("year") == first)
    rows = every_row.filter(pl.col("sd_pence") > 0)
    layers = frames["party_layer"].filter(pl.col("year") == first, pl.col("layer") != "together")
    out = []
    for role in PARTY_ROLES:
        alike: dict[str, list[str]] = {}
        still = []
        for option in document.options:
            mine = rows.filter(pl.col("option") == option.id, pl.col("role") == role)
            if mine.is_empty():
                still.append((option.id, option.title))
                continue
            low, high = _ends(mine, named)
            alike.setdefault(f"from {low} to {high}", []).append(option.title)
        if not alike:
            continue
        every = not still and len(alike) == 1
        said = [f"{chance} under {'every option' if every else listed(titles)}" for chance, titles in alike.items()]
        none = "".join(
            f"; under {title} chance moves nothing of theirs{_certain(every_row, option, role)}"
            for option, title in still
        )
        out.append(
            f"A {role}'s chance of missing its control total of {first} runs {'; '.join(said)}"
            f"{_because(layers.filter(pl.col('role') == role))}{none}."
            f"{_most_moved(every_row.filter(pl.col('role') == role), document, named)}"
        )
    return out


def _ends(rows: pl.DataFrame, named: Mapping[str, str]) -> tuple[str, str]:
    """The least and the most likely to miss its total, each as its chance and its name."""
    ordered = rows.sort("miss", "organisation_code")
    low, high = (
        f"{end['miss']:.0%} ({named.get(end['organisation_code'], end['organisation_code'])})"
        for end in (ordered.row(0, named=True), ordered.row(-1, named=True))
    )
    return low, high


def _is_or_runs(low: str, high: str) -> str:
    """What a chance is from its least to its most, where both round to the same percentage for all of them."""
    least, most = low.partition(" (")[0], high.partition(" (")[0]
    if low == high:
        return f"is {low}"
    return f"is {least} for each of them" if least == most else f"runs from {low} to {high}"


def _most_moved(rows: pl.DataFrame, document: ContractOptions, named: Mapping[str, str]) -> str:
    """The party whose chance the choice of option moves most, with the least and the greatest of it, where it moves one at all."""
    titles = {option.id: option.title for option in document.options}
    mine = rows.filter(pl.col("size_pence") > 0, pl.col("option").is_in(list(titles))).sort("miss", "option")
    ends = mine.group_by("organisation_code", maintain_order=True).agg(
        pl.col("miss").first().alias("least"), pl.col("option").first().alias("best"),
        pl.col("miss").last().alias("most"), pl.col("option").last().alias("worst"),
    )  # fmt: skip
    moved = ends.filter(pl.col("most") - pl.col("least") >= 0.01).sort(
        pl.col("most") - pl.col("least"), "organisation_code", descending=[True, False]
    )
    if moved.is_empty():
        return ""
    row = moved.row(0, named=True)
    code = row["organisation_code"]
    return (
        f" The choice of option matters most to {named.get(code, code)}: {row['least']:.0%} under {titles[row['best']]}, "
        f"{row['most']:.0%} under {titles[row['worst']]}."
    )


def _certain(rows: pl.DataFrame, option: str, role: str) -> str:
    """How many parties of a role miss their totals whatever happens under an option, in words; of those that have money."""
    mine = rows.filter(pl.col("option") == option, pl.col("role") == role, pl.col("size_pence") > 0)
    lost = mine.filter(pl.col("miss") > 0.5).height
    return f", and {lost} of {mine.height} miss theirs whatever happens" if lost else ", and none misses its own"


def _because(layers: pl.DataFrame) -> str:
    """The layers behind the variance of a role's positions, the largest first."""
    weighed = (
        layers.filter(pl.col("sd_pence") > 0)
        .group_by("layer")
        .agg(pl.col("variance_share").mean().alias("share"))
        .filter(pl.col("share") >= 0.1)
        .sort("share", descending=True)
    )
    parts = [f"{CAUSES.get(name, name)} ({share:.0%} of the spread)" for name, share in weighed.head(2).rows()]
    return f", mostly because of {' and '.join(parts)}" if parts else ""


__all__ = ["charted", "files_of", "party_sentences", "party_summary", "pictures"]
