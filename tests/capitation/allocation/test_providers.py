"""From a locality's allocation to services and providers, exact at every step."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.activity.plan import points_of_delivery
from capitation.activity.printed_plan import activity_plan, place_based_allocation, spend_by_service
from capitation.activity.reading import reading
from capitation.activity.unit_costs import OTHER_ACUTE, national_costs, other_acute_share, relative_costs, unit_costs
from capitation.allocation.providers import (
    WHOLE_PPM,
    Flow,
    LocalityFlow,
    ServiceLine,
    flow_faults,
    flows,
    locality_flows,
    provider_envelopes,
    providers,
    service_lines,
)
from capitation.allocation.services import (
    LocalityStream,
    ServiceEnvelope,
    locality_streams,
    service_envelopes,
    service_streams,
    stream_differences,
)
from capitation.allocation.tree import allocate_down
from capitation.errors import FrameError
from capitation.money.apportion import split
from capitation.pack.layers import default_data_folder
from capitation.pack.sources import DataPack, read_raw
from capitation.places.membership import localities, membership, practices
from capitation.records.years import FinancialYear

LOCAL = ("RC1", "RC9", "RD8")
PACK = DataPack(default_data_folder())
SPEND = spend_by_service(PACK)
COSTS = unit_costs(
    SPEND,
    activity_plan(PACK),
    points_of_delivery(PACK),
    relative_costs(national_costs(PACK)),
    other_acute_share(PACK, FinancialYear("2016/17")),
)
LINES = service_lines(COSTS)
LOCALITIES = localities(PACK)
SHARES = locality_flows(flows(PACK), LOCALITIES, LINES, providers(PACK))


def rows_of(schema, *rows):
    return schema.validate(pl.DataFrame(rows, schema=schema.dtypes(), orient="row"))


@pytest.fixture(scope="module")
def streams():
    """The printed allocation of 2016/17 over practices by registered persons, added up by locality."""
    people = practices(PACK).select("practice_code", pl.col("registered_persons").alias("weighted_persons"))
    printed = place_based_allocation(PACK).filter(pl.col("year") == "2016/17")
    parents = printed.select("year", "stream", pl.lit("BLMK").alias("system"), allocation_pence="total_pence")
    leaves = people.rename({"practice_code": "practice"}).join(printed.select("year", "stream"), how="cross")
    down = allocate_down(parents, leaves.with_columns(pl.lit("BLMK").alias("system")), ["practice"])
    return locality_streams(down, membership(PACK))


def test_streams_add_up_to_the_printed_allocation(streams):
    sums = dict(streams.group_by("stream").agg(pl.col("allocation_pence").sum()).iter_rows())
    assert sums == {"ccg": 108_810_900_000, "primary-medical": 11_293_900_000, "specialised": 23_070_200_000}
    # Two localities hold a practice of Bedfordshire CCG beside those of their own.
    two = streams.group_by("locality_code").agg(pl.col("commissioner_code").n_unique().alias("n"))
    assert two.filter(pl.col("n") > 1).get_column("locality_code").sort().to_list() == [
        "L-U49574",
        "L-U64165-E06000032",
    ]


def test_spend_and_allocation_of_the_plan_differ_by_stream_and_the_size_is_told():
    found = stream_differences(place_based_allocation(PACK), SPEND, service_streams(PACK), "2016/17")
    # 590.9 + 119.8 + 79.5 + 50.3 + 123.2 + 24.0 + 18.3 = 1,006.0 against 1,088.109.
    assert found.rows() == [
        ("ccg", 108_810_900_000, 100_600_000_000, 8_210_900_000),
        ("primary-medical", 11_293_900_000, 12_660_000_000, -1_366_100_000),
        ("specialised", 23_070_200_000, 20_950_000_000, 2_120_200_000),
    ]


def test_every_service_has_a_stream_and_every_stream_a_service():
    mapping = service_streams(PACK)
    assert set(mapping.get_column("service_code")) == set(reading(PACK).spend.rows.values())
    assert set(mapping.get_column("stream")) == {"ccg", "primary-medical", "specialised"}
    known = set(providers(PACK).get_column("provider_code"))
    assert set(mapping.get_column("commissioner_code").drop_nulls()) <= known


def test_service_envelopes_add_to_their_streams_and_agree_with_the_second_way(streams):
    envelopes = service_envelopes(streams, SPEND, service_streams(PACK))
    spend, mapping = dict(SPEND.iter_rows()), service_streams(PACK)
    wanted = {}
    for row in streams.iter_rows(named=True):
        mine = mapping.filter(pl.col("stream") == row["stream"]).sort("service_code")
        parts = split(row["allocation_pence"], [spend[c] for c in mine.get_column("service_code")])
        for service, buyer, pence in zip(
            mine.get_column("service_code"), mine.get_column("commissioner_code"), parts, strict=True
        ):
            key = (row["year"], buyer or row["commissioner_code"], row["locality_code"], service)
            wanted[key] = wanted.get(key, 0) + pence
    assert {tuple(r[:4]): r[4] for r in envelopes.iter_rows()} == wanted
    assert envelopes.get_column("allocation_pence").sum() == 143_175_000_000
    assert set(envelopes.filter(pl.col("service_code") == "specialised").get_column("commissioner_code")) == {"SPEC"}


def test_the_flows_of_the_pack_are_complete():
    assert [str(f) for f in flow_faults(flows(PACK), LOCALITIES, LINES, providers(PACK))] == []
    for locality in LOCALITIES.get_column("locality_code"):
        mine = SHARES.filter(pl.col("locality_code") == locality).join(LINES, on="line")
        assert set(mine.get_column("service_code")) == set(reading(PACK).spend.rows.values())
    sums = SHARES.group_by("locality_code", "line").agg(pl.col("share_ppm").sum())
    assert sums.get_column("share_ppm").unique().to_list() == [WHOLE_PPM]
    assert sums.height == 25 * 14


def test_every_flow_is_a_marked_assumption_with_an_owner_and_a_range():
    marks = flows(PACK)
    assert marks.get_column("source").unique().to_list() == ["assumption"]
    assert set(marks.get_column("quality")) <= {"red", "amber"}
    assert marks.get_column("owner").str.len_chars().min() > 0
    assert (marks.get_column("low_ppm") <= marks.get_column("high_ppm")).all()


def test_three_quarters_of_acute_spend_is_with_the_three_local_hospitals():
    acute = LINES.filter(pl.col("service_code") == "acute")
    whole = acute.get_column("cost_pence").sum()
    wanted = whole * 3 // 4
    for locality in LOCALITIES.get_column("locality_code"):
        local = SHARES.filter((pl.col("locality_code") == locality) & pl.col("provider_code").is_in(LOCAL))
        weight = local.join(acute, on="line").select((pl.col("cost_pence") * pl.col("share_ppm")).sum()).item()
        # Shares are whole parts per million, so the balancing line can miss by half a part: £35.45 of £590.9m.
        other = acute.filter(pl.col("line") == OTHER_ACUTE).get_column("cost_pence")[0]
        assert abs(weight / WHOLE_PPM - wanted) <= other / WHOLE_PPM / 2


def test_the_balancing_share_is_what_the_rest_leaves():
    cost = dict(LINES.select("line", "cost_pence").iter_rows())
    for place in flows(PACK).get_column("area_code").unique():
        mine = flows(PACK).filter((pl.col("area_code") == place) & pl.col("provider_code").is_in(LOCAL))
        local = dict(mine.group_by("line").agg(pl.col("share_ppm").sum()).iter_rows())
        balance = local.pop(OTHER_ACUTE)
        local.pop("specialised")  # the three quarters are of hospital and ambulance spend
        rest = 59_090_000_000 * 3 // 4 * WHOLE_PPM - sum(cost[line] * ppm for line, ppm in local.items())
        assert balance == round(rest / cost[OTHER_ACUTE])


def test_the_mix_of_hospitals_agrees_with_the_trust_catchments():
    catchments = read_raw(PACK.path("providers/trust-catchments-2022.csv"))
    printed = PACK.printed("nhs-england-ae-attendances", "trust_years").filter(pl.col("column") == "2016/17")
    cells = {row: int(value) for row, value in printed.select("row", "value").iter_rows()}
    # RC9 of 2022 holds Bedford Hospital (RC1 of 2016) as well.
    attendances = {
        "RC9": cells["RC1 attendances"] + cells["RC9 attendances"],
        "RD8": cells["RD8 attendances"],
    }
    drawn: dict[str, dict[str, float]] = {}
    for row in catchments.iter_rows(named=True):
        persons = float(row["share_of_trust"]) * attendances[row["trust_code"]]
        drawn.setdefault(row["place_code"], {})[row["trust_code"]] = persons
    for place, by_trust in drawn.items():
        expected = by_trust.get("RD8", 0.0) / sum(by_trust.values())
        mine = flows(PACK).filter((pl.col("area_code") == place) & (pl.col("line") == "ae"))
        shares = dict(mine.select("provider_code", "share_ppm").iter_rows())
        found = shares["RD8"] / sum(shares[code] for code in LOCAL)
        assert found == pytest.approx(expected, abs=0.01)


def test_providers_add_up_along_rows_and_columns(streams):
    envelopes = service_envelopes(streams, SPEND, service_streams(PACK))
    found = provider_envelopes(envelopes, SHARES, LINES)
    keys = ["year", "commissioner_code", "locality_code", "service_code"]
    rows = found.group_by(keys).agg(pl.col("allocation_pence").sum()).sort(keys)
    assert rows.equals(envelopes)
    for key in keys:
        column = found.group_by(key).agg(pl.col("allocation_pence").sum()).sort(key)
        assert column.equals(envelopes.group_by(key).agg(pl.col("allocation_pence").sum()).sort(key))
    by_provider = found.group_by("provider_code").agg(pl.col("allocation_pence").sum())
    assert by_provider.get_column("allocation_pence").sum() == 143_175_000_000
    acute = found.filter(pl.col("service_code") == "acute")
    local = acute.filter(pl.col("provider_code").is_in(LOCAL)).get_column("allocation_pence").sum()
    assert local / acute.get_column("allocation_pence").sum() == pytest.approx(0.75, abs=1e-7)


def test_providers_agree_with_the_second_way(streams):
    envelopes = service_envelopes(streams, SPEND, service_streams(PACK))
    found = provider_envelopes(envelopes, SHARES, LINES)
    cost = {r["line"]: (r["service_code"], r["cost_pence"]) for r in LINES.iter_rows(named=True)}
    weights: dict[tuple[str, str], dict[str, int]] = {}
    for row in SHARES.iter_rows(named=True):
        service, pence = cost[row["line"]]
        mine = weights.setdefault((row["locality_code"], service), {})
        mine[row["provider_code"]] = mine.get(row["provider_code"], 0) + pence * row["share_ppm"]
    wanted = {}
    for row in envelopes.iter_rows(named=True):
        mine = weights[row["locality_code"], row["service_code"]]
        codes = sorted(code for code, weight in mine.items() if weight)
        for code, pence in zip(codes, split(row["allocation_pence"], [mine[c] for c in codes]), strict=True):
            wanted[row["year"], code, row["commissioner_code"], row["locality_code"], row["service_code"]] = pence
    assert {tuple(r[:5]): r[5] for r in found.iter_rows()} == wanted


def test_two_lines_by_hand():
    # Lines of £60 and £40; the first all at A, the second half at A and half at B: A 80%, B 20% of £100.01.
    lines = rows_of(ServiceLine, ("ae", "acute", 6_000), ("elective", "acute", 4_000))
    shares = rows_of(
        LocalityFlow, ("x", "ae", "A", 1_000_000), ("x", "elective", "A", 500_000), ("x", "elective", "B", 500_000)
    )
    envelope = rows_of(ServiceEnvelope, ("2016/17", "C", "x", "acute", 10_001))
    found = provider_envelopes(envelope, shares, lines)
    assert dict(found.select("provider_code", "allocation_pence").iter_rows()) == {"A": 8_001, "B": 2_000}


def test_a_locality_with_flows_of_its_own_keeps_them():
    own = [
        ("L-U15644", "ae", code, ppm, "assumption", "o", "red", "red", 0, WHOLE_PPM, "x")
        for code, ppm in (("RC9", 400_000), ("RD8", 300_000), ("X-ACUTE", 300_000))
    ]
    given_flows = Flow.validate(pl.concat([flows(PACK), pl.DataFrame(own, schema=Flow.dtypes(), orient="row")]))
    found = locality_flows(given_flows, LOCALITIES, LINES, providers(PACK))
    mine = found.filter((pl.col("locality_code") == "L-U15644") & (pl.col("line") == "ae"))
    assert dict(mine.select("provider_code", "share_ppm").iter_rows()) == {
        "RC9": 400_000,
        "RD8": 300_000,
        "X-ACUTE": 300_000,
    }
    rest = pl.struct("locality_code", "line") != pl.struct(
        pl.lit("L-U15644").alias("locality_code"), pl.lit("ae").alias("line")
    )
    assert found.filter(rest).equals(SHARES.filter(rest))


def test_all_that_keeps_flows_from_being_complete_is_told_together():
    wrong = flows(PACK).with_columns(
        provider_code=pl.when(pl.col("provider_code") == "RV3").then(pl.lit("RV4")).otherwise("provider_code"),
        share_ppm=pl.when((pl.col("area_code") == "E06000032") & (pl.col("provider_code") == "X-ACUTE"))
        .then(pl.col("share_ppm") - 1)
        .otherwise("share_ppm"),
        quality=pl.when(pl.col("provider_code") == "RYE").then(pl.lit("green")).otherwise("quality"),
    )
    wrong = wrong.filter(~((pl.col("area_code") == "E06000055") & (pl.col("line") == "prescribing")))
    texts = [str(f) for f in flow_faults(wrong, LOCALITIES, LINES, providers(PACK))]
    assert any(t.startswith("flows: provider RV4: found a provider that is not known") and "'RV3'" in t for t in texts)
    assert sum("shares that add to 999,999; expected 1,000,000" in t for t in texts) == 5
    assert sum("prescribing: found no provider" in t for t in texts) == 4  # the four localities of Bedford
    assert sum("an assumption marked green" in t for t in texts) == 1
    assert len(texts) == 11
    with pytest.raises(FrameError, match="11 faults"):
        locality_flows(wrong, LOCALITIES, LINES, providers(PACK))


def test_money_that_flows_nowhere_is_refused():
    envelope = rows_of(ServiceEnvelope, ("2016/17", "C", "y", "acute", 5))
    shares = rows_of(LocalityFlow, ("x", "ae", "A", 1_000_000))
    with pytest.raises(FrameError, match="locality y, service acute: found no provider"):
        provider_envelopes(envelope, shares, rows_of(ServiceLine, ("ae", "acute", 1)))


def test_a_service_without_a_stream_and_a_stream_without_a_service_are_refused():
    streams = rows_of(LocalityStream, ("2016/17", "specialised", "06F", "x", 5))
    mapping = service_streams(PACK).filter(pl.col("service_code") != "specialised")
    with pytest.raises(FrameError) as error:
        service_envelopes(streams, SPEND, mapping)
    assert "service specialised: found no stream" in str(error.value)
    assert "stream specialised: found no service" in str(error.value)


def test_a_practice_without_a_locality_is_refused(streams):
    down = allocate_down(
        pl.DataFrame({"year": ["2016/17"], "stream": ["ccg"], "system": ["S"], "allocation_pence": [10]}),
        pl.DataFrame(
            {
                "year": ["2016/17"] * 2,
                "stream": ["ccg"] * 2,
                "system": ["S"] * 2,
                "practice": ["E81001", "E8100X"],
                "weighted_persons": [1, 1],
            }
        ),
        ["practice"],
    )
    with pytest.raises(FrameError, match="practice E8100X: found no locality"):
        locality_streams(down, membership(PACK))


@given(
    st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, WHOLE_PPM), st.integers(1, 10**10)), min_size=1, max_size=4),
    st.randoms(),
)
def test_any_envelope_is_flown_out_whole_and_order_never_matters(pence, lines, random):
    codes = ["ae", "elective", "non-elective", "outpatient"][: len(lines)]
    weighed = rows_of(ServiceLine, *((c, "acute", cost) for c, (_, cost) in zip(codes, lines, strict=True)))
    places = [f"x{i}" for i in range(len(pence))]
    share_rows = [
        (place, code, provider, ppm if provider == "A" else WHOLE_PPM - ppm)
        for place in places
        for code, (ppm, _) in zip(codes, lines, strict=True)
        for provider in "AB"
    ]
    envelopes = rows_of(
        ServiceEnvelope, *(("2016/17", "C", place, "acute", p) for place, p in zip(places, pence, strict=True))
    )
    found = provider_envelopes(envelopes, rows_of(LocalityFlow, *share_rows), weighed)
    sums = dict(found.group_by("locality_code").agg(pl.col("allocation_pence").sum()).iter_rows())
    assert sums == dict(zip(places, pence, strict=True))
    random.shuffle(share_rows)
    again = provider_envelopes(envelopes.reverse(), rows_of(LocalityFlow, *share_rows), weighed.reverse())
    assert again.equals(found)
