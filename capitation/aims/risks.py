"""The risk register of a plan: likelihood times impact is the severity that it prints."""

from __future__ import annotations

import polars as pl

from capitation.errors import Faults, SourceError
from capitation.pack.sources import DataPack
from capitation.records.columns import SOURCE
from capitation.records.frames import Column, Frame, Schema

FILE = "aims/risks.csv"
TABLE = "risk_register"
_LIKELIHOOD, _IMPACT, _SEVERITY, _STATUS = "Mitigated likelihood", "Mitigated impact", "Severity", "Status"


class NamedRisk(Schema):
    """A risk of the plan and what of the model it bears on; its scores are cells of its source."""

    risk = Column(pl.String, "id", "Number in the plan", key=True)
    title = Column(pl.String, "words", "The risk, in our words")
    bears_on = Column(pl.String, "words", "What of the model it bears on")
    source = SOURCE
    where = Column(pl.String, "locator", "Table and row of the source")


class Risk(NamedRisk):
    """A risk with its printed scores."""

    likelihood = Column(pl.Int64, "score", "Likelihood after mitigation", ge=1, le=5)
    impact = Column(pl.Int64, "score", "Impact after mitigation", ge=1, le=5)
    severity = Column(pl.Int64, "score", "Likelihood times impact", ge=1, le=25)
    status = Column(pl.String, "label", "Whether it is open")

    @classmethod
    def rules(cls) -> dict[str, pl.Expr]:
        """The severity is the product."""
        return {"severity is likelihood times impact": pl.col("severity") == pl.col("likelihood") * pl.col("impact")}


def risks(pack: DataPack) -> Frame[Risk]:
    """The risks of a pack, the most severe first; none where it has no register.

    Raises:
        SourceError: a risk that its source does not score; all together.
        FrameError: a severity that is not the product of its scores.
    """
    if FILE not in pack.files(FILE):
        return Risk.validate(pl.DataFrame(schema=Risk.dtypes()))
    rows, faults = [], Faults()
    for row in pack.rows(FILE, NamedRisk).iter_rows(named=True):
        cells = pack.printed(row["source"], TABLE).filter(pl.col("row") == row["risk"])
        printed = dict(cells.select("column", "value").iter_rows())
        lost = [name for name in (_LIKELIHOOD, _IMPACT, _SEVERITY, _STATUS) if name not in printed]
        wrong = [n for n in (_LIKELIHOOD, _IMPACT, _SEVERITY) if n in printed and not printed[n].isdecimal()]
        if lost or wrong:
            faults.add(
                f"{FILE}: risk {row['risk']}",
                f"no score for {', '.join([*lost, *wrong])} in {row['source']}",
                "whole numbers",
            )
            continue
        scores = [int(printed[n]) for n in (_LIKELIHOOD, _IMPACT, _SEVERITY)]
        rows.append(
            {**row, "likelihood": scores[0], "impact": scores[1], "severity": scores[2], "status": printed[_STATUS]}
        )
    faults.raise_if_any(SourceError, "risks cannot be used")
    return Risk.validate(pl.DataFrame(rows, schema=Risk.dtypes()).select(*Risk.columns()))
