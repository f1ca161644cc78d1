"""Bands of plausibility: each one of the pack on either side, what is accepted with a reason, and what is not."""

import polars as pl
import pytest

from capitation.errors import SourceError, UnknownNameError
from capitation.pack.layers import default_data_folder
from capitation.pack.plausibility import PlausibleBand, accepted, outside, plausibility_bands, stands
from capitation.pack.sources import DataPack

BANDS = plausibility_bands(DataPack(default_data_folder()))
NAMES = BANDS.get_column("quantity").to_list()


def of(quantity, value):
    found = outside(BANDS, quantity, "column", pl.Series([value]), ["here"])
    assert len(found) <= 1
    return None if not found else "refused" if found[0].refused else "warned"


def band(quantity):
    return BANDS.row(by_predicate=pl.col("quantity") == quantity, named=True)


def test_the_pack_has_a_band_for_every_quantity_that_is_judged():
    assert {"index", "list-size", "weighted-per-head", "pounds-per-head", "growth", "practices-share"} <= set(NAMES)


@pytest.mark.parametrize("quantity", NAMES)
def test_each_band_names_and_refuses_on_either_side(quantity):
    ends = band(quantity)
    step = 1e-6 * max(1.0, abs(ends["warn_above"]))
    assert of(quantity, ends["warn_above"]) is None
    assert of(quantity, ends["warn_below"]) is None
    assert of(quantity, ends["warn_above"] + step) == "warned"
    assert of(quantity, ends["refuse_above"]) == "refused"
    assert of(quantity, ends["refuse_above"] - step) == "warned"
    assert of(quantity, ends["refuse_below"] - step) == "refused"
    if ends["refuse_below"] < ends["warn_below"]:
        assert of(quantity, ends["warn_below"] - step) == "warned"


@pytest.mark.parametrize(
    ("quantity", "value", "judged"),
    [
        ("index", 1.0336, None),
        ("index", 103.36, "refused"),
        ("index", 2.4, "warned"),
        ("growth", 0.0318, None),
        ("growth", 3.18, "refused"),
        ("list-size", 109_676, None),
        ("practices-share", 2999 / 6553, "warned"),
        ("pounds-per-head", 109_076, "refused"),
        ("no such quantity", 1e9, None),
    ],
)
def test_ordinary_numbers_pass_and_units_mistaken_do_not(quantity, value, judged):
    assert of(quantity, value) == judged


def test_empty_numbers_are_not_looked_at():
    assert outside(BANDS, "index", "column", pl.Series([None, 1.0]), ["a", "b"]) == []


def test_one_finding_counts_all_numbers_of_a_column_and_names_the_first():
    (found,) = outside(BANDS, "index", "mff_index", pl.Series([1.0, 103.0, 98.0]), ["a", "b", "c"])
    assert str(found).startswith("mff_index: 2 of 3 numbers, such as 103 (b)")


def test_a_refused_number_stands_with_a_reason_only():
    found = outside(BANDS, "index", "mff_index", pl.Series([103.0]), ["b"])
    with pytest.raises(SourceError, match="--accept mff_index=REASON"):
        stands(found, {}, "file.csv")
    (note,) = stands(found, accepted(["mff_index=one site = one index"]), "file.csv")
    assert note.startswith("accepted: mff_index")
    assert note.endswith("Reason given: one site = one index")
    (warned,) = stands(outside(BANDS, "index", "mff_index", pl.Series([2.5]), ["b"]), {}, "file.csv")
    assert warned.startswith("implausible: mff_index: 2.5 (b)")


def test_a_reason_for_what_is_plausible_or_none_at_all_is_refused():
    with pytest.raises(UnknownNameError, match="mff_index"):
        stands([], {"mff_index": "why"}, "file.csv")
    with pytest.raises(SourceError, match="3 faults"):
        accepted(["mff_index", "a=", "b=x", "b=y"])


def test_bands_whose_ends_cross_are_refused():
    row = {**band("index"), "warn_below": 3.0}
    with pytest.raises(Exception, match="ends stand in order"):
        PlausibleBand.validate(pl.DataFrame([row], schema=PlausibleBand.dtypes()))
