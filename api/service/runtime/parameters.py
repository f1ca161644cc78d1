"""Parameters that routes of results share: which result, which table and column, which rows and how many."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from pydantic import StringConstraints

from api.service.records.api_models import RUN_EXAMPLE

ResultId = Annotated[str, Path(pattern=r"^[0-9a-f]{16,64}$", description="Id of the result", examples=[RUN_EXAMPLE])]
FrameName = Annotated[str, Path(pattern=r"^[a-z_]{1,64}$", description="Name of the table", examples=["allocation"])]
ColumnName = Annotated[
    str, Path(pattern=r"^[a-z_]{1,64}$", description="Name of the column", examples=["allocation_pence"])
]
Condition = Annotated[str, StringConstraints(pattern=r"^[^=]+=")]
Where = Annotated[
    list[Condition],
    Query(description="column=value that rows must match; may be repeated", max_length=20, examples=[["year=2018/19"]]),
]
Rows = Annotated[
    int | None, Query(ge=1, le=1_000_000, description="Most rows; JSON carries 1,000 by default", examples=[100])
]
