"""A CSV file holds nothing that a spreadsheet would run."""

import polars as pl
import pytest

from api.exports.plain_cells import plain_cells
from api.service.http.negotiation import CSV, rendered


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        " =1",
        "=HYPERLINK()",
        "＝1+1",
        "＠SUM(A1)",
        "\u200b=1",
        "\ufeff+cmd",
        "\u00a0=2",
    ],
)
def test_a_text_that_would_be_run_leaves_as_text(text):
    frame = pl.DataFrame({"name": [text, "plain", None], "amount_pence": [-5, 1, None]})
    assert plain_cells(frame)["name"].to_list() == [f"'{text}", "plain", None]
    read = pl.read_csv(rendered(frame, CSV), infer_schema=False)
    assert read["name"].to_list()[0] == f"'{text}"
    assert read["amount_gbp"].to_list() == ["-0.05", "0.01", None]


def test_numbers_dashes_and_codes_stay_as_they_are():
    texts = ["-5.00", "+3", "-1e-9", "-", "--", "L-U09531", "a=b", ""]
    frame = pl.DataFrame({"x": texts})
    assert plain_cells(frame).equals(frame)
    assert plain_cells(pl.DataFrame({"=x": [1]})).columns == ["'=x"]
