"""What the columns and rows of a programme mean: families that share a unit and their words, and named measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]

Kind = Literal["P", "Q"]
"""P: physics, never relaxed. Q: policy, may be relaxed at a price, and is what reports name."""

Sense = Literal["max", "min"]
"""Whether more of a measure is better, or less."""


@dataclass(frozen=True)
class Family:
    """A block of columns or rows that share a meaning: where it stands, its unit and the words for one member."""

    name: str
    first: int
    count: int
    index: pl.DataFrame
    unit: str
    label: str
    kind: Kind = "P"
    group: str = ""
    first_stage: bool = False

    @property
    def last(self) -> int:
        """The id after its last member."""
        return self.first + self.count

    def labels(self) -> pl.Series:
        """Plain English for each member: the label with its index values for the {names}."""
        if not self.index.width:
            return pl.Series("label", [self.label] * self.count, dtype=pl.String)
        parts, names = _template(_without_everywhere(self.label))
        if not names:
            return pl.Series("label", [self.label] * self.count, dtype=pl.String)
        return self.index.select(pl.format(parts, *(_said(n) for n in names)).alias("label"))["label"]

    def names(self) -> pl.Series:
        """Names safe in LP files, without their number: family and index values joined by full stops."""
        columns = [pl.lit(self.name), *(pl.col(c).cast(pl.String) for c in self.index.columns)]
        if not self.index.width:
            return pl.Series("name", [self.name] * self.count, dtype=pl.String)
        text = pl.concat_str(columns, separator=".").str.replace_all(r"[^A-Za-z0-9_.]", "_")
        return self.index.select(text.alias("name"))["name"]


ALL_PROVIDERS = "all providers"
"""What a reader meets where no provider is named, or a limit is for every one."""


_EVERY = "ALL"
_WHERE = "where "


def _without_everywhere(label: str) -> str:
    """The label with the place said only where there is one: what is started once for all is in no place."""
    for name in ("place", "locality"):
        label = label.replace(f" in {{{name}}}", f"{{{_WHERE}{name}}}")
    return label


def _said(name: str) -> pl.Expr:
    value = pl.col(name.removeprefix(_WHERE)).cast(pl.String)
    if name.startswith(_WHERE):
        return pl.when(value == _EVERY).then(pl.lit("")).otherwise(pl.lit(" in ") + value)
    return pl.when(value == _EVERY).then(pl.lit(ALL_PROVIDERS)).otherwise(value) if name == "provider" else value


def _template(label: str) -> tuple[str, list[str]]:
    """The label with {} for each {name}, and the names in order."""
    names: list[str] = []
    out, rest = "", label
    while "{" in rest:
        before, _, after = rest.partition("{")
        name, _, rest = after.partition("}")
        names.append(name)
        out += before + "{}"
    return out + rest, names


@dataclass(frozen=True)
class Measure:
    """A named linear expression over the columns: an objective, a goal of a frontier, or a line of the report."""

    name: str
    vector: Floats
    constant: float
    unit: str
    sense: Sense
    label: str
    scale: float = 1.0
    """What one of the programme's units is in the measure's own unit (1000 where the programme counts £ thousand)."""

    def value(self, values: Floats) -> float:
        """The measure, in its own unit, at the column values given."""
        return (float(self.vector @ values) + self.constant) * self.scale
