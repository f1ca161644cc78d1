"""Two runs of any kind compared: which inputs and choices differ, and which figures of which rows moved by how much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from capitation.run.run import Run

_AMOUNTS = ("_pence", "_micro", "_ppm", "_gbp")

MOVED = {
    "frame": pl.String, "row": pl.String, "column": pl.String, "before": pl.String, "after": pl.String, "change": pl.Float64,
}  # fmt: skip
"""Columns of the figures that moved; a change only where both are numbers."""

SUMMARY = {
    "frame": pl.String, "rows_before": pl.Int64, "rows_after": pl.Int64, "only_before": pl.Int64, "only_after": pl.Int64,
    "rows_moved": pl.Int64, "money_change_pence": pl.Int64,
}  # fmt: skip
"""Columns of the summary, one row a frame that differs."""


@dataclass(frozen=True)
class RunDifference:
    """What differs between two runs.

    Args:
        document: keys of the documents that differ, with both values in short.
        inputs: data files that differ, are only in the one or only in the other.
        summary: one row a frame that differs.
        moved: one row a figure that moved, in rows that both runs have.
    """

    document: pl.DataFrame
    inputs: pl.DataFrame
    summary: pl.DataFrame
    moved: pl.DataFrame

    @property
    def same(self) -> bool:
        """Whether every frame of the two runs is the same."""
        return self.summary.is_empty()


def run_difference(before: Run, after: Run) -> RunDifference:
    """What differs between two runs, whatever they are of.

    Args:
        before: the one run.
        after: the other.
    """
    document = [
        (key, _short(one), _short(two))
        for key, one, two in _leaves(before.manifest.scenario, after.manifest.scenario, "")
    ]
    files = sorted({*before.manifest.inputs, *after.manifest.inputs})
    inputs = [
        (name, "changed" if name in before.manifest.inputs and name in after.manifest.inputs
         else "only before" if name in before.manifest.inputs else "only after")
        for name in files
        if before.manifest.inputs.get(name) != after.manifest.inputs.get(name)
    ]  # fmt: skip
    summary: list[tuple[object, ...]] = []
    moved = [pl.DataFrame(schema=MOVED)]
    for name in sorted({*before.frames, *after.frames}):
        one, two = before.frames.get(name), after.frames.get(name)
        if one is None or two is None:
            only = one if two is None else two
            assert only is not None
            rows = only.height
            summary.append((name, rows if two is None else 0, rows if one is None else 0,
                            rows if two is None else 0, rows if one is None else 0, 0, 0))  # fmt: skip
            continue
        found = _frame_difference(name, one, two)
        if found is not None:
            summary.append(found[0])
            moved.append(found[1])
    text = {"key": pl.String, "before": pl.String, "after": pl.String}
    return RunDifference(
        pl.DataFrame(document, schema=text, orient="row"),
        pl.DataFrame(inputs, schema={"file": pl.String, "difference": pl.String}, orient="row"),
        pl.DataFrame(summary, schema=SUMMARY, orient="row"),
        pl.concat(moved),
    )


def _frame_difference(
    name: str, one: pl.DataFrame, two: pl.DataFrame
) -> tuple[tuple[object, ...], pl.DataFrame] | None:
    """Counts and figures of a frame that differs; None where the two are the same."""
    shared = [c for c in one.columns if c in two.columns]
    key = _key(one.select(shared), two.select(shared))
    if one.columns == two.columns and one.sort(key).equals(two.sort(key)):
        return None
    label = pl.concat_str([pl.col(k).cast(pl.String).fill_null("") for k in key], separator=" ")
    met = one.join(two, on=key, how="inner", suffix="__after", nulls_equal=True)
    parts, hit = [], pl.lit(value=False)
    for column in (c for c in shared if c not in key):
        differs = pl.col(column).ne_missing(pl.col(f"{column}__after"))
        hit = hit | differs
        number = one.schema[column].is_numeric() and two.schema[column].is_numeric()
        change = (
            (pl.col(f"{column}__after") - pl.col(column)).cast(pl.Float64) if number else pl.lit(None, dtype=pl.Float64)
        )
        parts.append(
            met.filter(differs).select(
                pl.lit(name).alias("frame"), label.alias("row"), pl.lit(column).alias("column"),
                pl.col(column).cast(pl.String).alias("before"), pl.col(f"{column}__after").cast(pl.String).alias("after"),
                change.alias("change"),
            )
        )  # fmt: skip
    money = [c for c in shared if c.endswith("_pence") and c not in key and one.schema[c] == pl.Int64]
    total = sum(int(two[c].sum() or 0) - int(one[c].sum() or 0) for c in money[:1])
    counts = (
        name, one.height, two.height, one.join(two, on=key, how="anti", nulls_equal=True).height,
        two.join(one, on=key, how="anti", nulls_equal=True).height, met.filter(hit).height, total,
    )  # fmt: skip
    return counts, pl.concat(parts) if parts else pl.DataFrame(schema=MOVED)


def _key(one: pl.DataFrame, two: pl.DataFrame) -> list[str]:
    """Columns that name a row: what is no amount and no number with a fraction, all of the frame where that is not unique."""
    names = [c for c in one.columns if not c.endswith(_AMOUNTS) and not one.schema[c].is_float()]
    texts = [c for c in names if not one.schema[c].is_numeric()]
    for key in (texts, names):
        if key and not one.select(key).is_duplicated().any() and not two.select(key).is_duplicated().any():
            return key
    return list(one.columns)


def _leaves(one: object, two: object, place: str) -> Iterator[tuple[str, object, object]]:
    if isinstance(one, Mapping) and isinstance(two, Mapping):
        for key in dict.fromkeys([*one, *two]):
            yield from _leaves(one.get(key), two.get(key), f"{place}.{key}" if place else str(key))
    elif isinstance(one, list | tuple) and isinstance(two, list | tuple) and len(one) == len(two):
        for number, (a, b) in enumerate(zip(one, two, strict=True), start=1):
            yield from _leaves(a, b, f"{place}.{number}")
    elif one != two:
        yield place, one, two


def _short(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


__all__ = ["RunDifference", "run_difference"]
