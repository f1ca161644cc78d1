"""The place-based tool as published: each generation of headings is read, and each trap is told by its name."""

import json
import sys

import polars as pl
import pytest

from capitation.errors import SourceError
from capitation.weighting.formula import need_catalogue
from capitation.weighting.inputs import read_need_inputs
from capitation.weighting.place_tool import read_place_tool

# First lines as published: nhsx/AIF_Allocation_Tool data/2023_2024.csv, nhsengland/ICB_Allocation_Tool_update
# data/2025_2026.csv, nhsengland/ICB_Place_Based_Tool_2627-2829 data/2028_2029.csv (OGL v3.0).
HEAD_2022 = (
    "Practice_Code,GP_Practice_Name,Practice_Postcode,Latitude,Longitude,CCG21,Former CCG,PCN_Code,PCN_Name,LOC22,"
    "LOC22name,ICS22,ICS22name,R22,Region22,LAD21,LTLA21,LA21,UTLA21,Patients,pop 2022/23,G&A WP,CS WP,MH WP,Mat WP,"
    "Health Ineq WP,Prescr WP,Final WP,Primary Medical Care WP,Final PMC WP\n"
)
HEAD_2025 = (
    "Practice_Code,GP_Practice_Name,Practice_Postcode,Latitude,Longitude,CCG,Former CCG,PCN_Code,PCN_Name,LOC,LOCname,"
    "ICB,ICBname,Rcode,Region,LAD,LTLA,LA,UTLA,Patients,Population,G&A WP,CS WP,MH WP,Mat WP,Health Ineq WP,Prescr WP,"
    "Final WP,Primary Medical Care WP,Final PMC WP\n"
)
HEAD_2026 = (
    "Practice_Code,GP_Practice_Name,Practice_Postcode,Latitude,Longitude,ICB,ICBname,RCode,Region,LAD,LADname,"
    "Registered Patients,G&A WP,CS WP,MH WP,Mat WP,Health Ineq WP,Prescr WP,Core WP,Primary Medical Care WP,Final PMC WP\n"
)

# Published figures of 2023/24 for practices of Bedfordshire, Luton and Milton Keynes.
ROWS = {
    "E81001": ("E06000032", "Luton", "3411.597614,2894.839704,2580.621909,4387.694179,4242.392256,4184.030833,3016.618474,3241.686936,3475.422064,3581.713379"),
    "E81002": ("E06000056", "Central Bedfordshire", "10199.575971,8788.782099,6792.852504,6165.950245,10637.420023,7010.409934,8687.693364,8364.777795,9215.619711,8884.838244"),
    "E81030": ("E06000055", "Bedford", "9212.700288,7202.682699,5191.350371,10095.868345,14135.878859,10567.435489,6945.437812,7991.662369,8229.647102,8580.31536"),
    "E81037": ("E06000055", "Bedford", "38168.291987,39398.371771,44072.500896,36201.823754,29325.46518,39970.092168,39589.459234,39236.432247,40642.821012,40541.911685"),
    "K82057": ("E06000042", "Milton Keynes", "8484.742664,8579.002073,9025.189811,5139.343881,6140.972727,5107.789071,8652.452911,7875.034787,8727.241745,8184.323844"),
}  # fmt: skip


def line_2022(code, icb="QHG", lad=None, figures=None):
    district, name, published = ROWS[code]
    return (
        f'{code},"Surgery, {code}",MK40 1AA,52.1,-0.4,06F,Bedfordshire,U1,PCN,06F,LOC,{icb},Name of ICB,Y61,East,'
        f"{lad or district},{name},{district},{name},,{figures or published}\n"
    )


def line_2025(code, icb="QHG", lad=None, figures=None):
    district, _, published = ROWS[code]
    where = lad or district
    return f"{code},SURGERY,MK40 1AA,52.1,-0.4,,,,,,,{icb},Name of ICB,Y61,East,{where},{where},,,,{figures or published}\n"


def line_2026(code, icb="T01"):
    district, name, published = ROWS[code]
    return f"{code},SURGERY,MK40 1AA,52.1,-0.4,{icb},NHS Central East ICB,Y61,East,{district},{name},{published}\n"


@pytest.fixture(scope="module")
def catalogue(pack):
    return need_catalogue(pack)


@pytest.fixture
def published(tmp_path, pack, catalogue):
    def read(name, text, year=None, encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return read_place_tool(path, pack, catalogue, year)

    return read


def named(found):
    return {row["trap"]: row for row in found.traps.iter_rows(named=True)}


@pytest.mark.parametrize(
    ("name", "head", "line", "year"),
    [
        ("2022_2023.csv", HEAD_2022, line_2022, "2022/23"),
        ("2024_2025.csv", HEAD_2022, line_2022, "2024/25"),
        ("2025_2026.csv", HEAD_2025, line_2025, "2025/26"),
        ("2026_2027.csv", HEAD_2025, line_2025, "2026/27"),
        ("2028_2029.csv", HEAD_2026, line_2026, "2028/29"),
    ],
)
def test_each_generation_of_headings_is_read(published, name, head, line, year):
    found = published(name, head + "".join(line(code) for code in ROWS))
    assert found.year == year
    assert found.practices["practice_code"].to_list() == sorted(ROWS)
    first = found.practices.row(0, named=True)
    assert first["registered_projected"] == 3411.597614
    assert first["wp_general_acute"] == 2894.839704
    assert first["wp_prescribing"] == 3016.618474
    assert first["wp_core_overall"] == 3241.686936
    assert first["wp_primary_medical_care_need"] == 3475.422064
    assert first["wp_primary_medical_overall"] == 3581.713379
    assert first["lad_code"] == "E06000032"


def test_what_was_read_can_be_weighed_and_gives_the_published_overall(published, catalogue, tmp_path):
    from capitation.weighting.weigh import need

    found = published("2023_2024.csv", HEAD_2022 + "".join(line_2022(code) for code in ROWS))
    found.practices.write_csv(tmp_path / "practices.csv")
    formula = catalogue.formula("core-2023-24")
    inputs = read_need_inputs(tmp_path / "practices.csv", formula)
    weighed = need(formula, inputs.components, inputs.year).practices
    assert (weighed["weighted_persons"] - found.practices["wp_core_overall"]).abs().max() < 0.006


def test_the_market_forces_factor_inside_the_2022_23_columns_is_told(published):
    trap = named(published("2022_2023.csv", HEAD_2022 + line_2022("E81001")))["mff already in the columns"]
    assert "already contain the market forces factor" in trap["found"]


@pytest.mark.parametrize("name", ["2023_2024.csv", "2024_2025.csv"])
def test_a_population_column_named_after_another_year_is_told(published, name):
    traps = named(published(name, HEAD_2022 + line_2022("E81001")))
    assert traps["population heading of another year"]["subject"] == "pop 2022/23"
    assert "population heading of another year" not in named(
        published("2022_2023.csv", HEAD_2022 + line_2022("E81001"))
    )


def test_an_empty_maternity_cell_is_0_with_its_reason_and_another_empty_cell_stays_empty(published):
    figures = ROWS["E81001"][2].split(",")
    figures[4], figures[2] = "", ""
    found = published("2023_2024.csv", HEAD_2022 + line_2022("E81001", figures=",".join(figures)) + line_2022("E81002"))
    traps = named(found)
    assert "practices whose patients are men" in traps["empty maternity"]["done"]
    assert traps["missing value"]["subject"] == "wp_community"
    assert found.practices["wp_maternity"][0] == 0
    assert found.practices["wp_community"][0] is None


def test_a_zero_weight_is_kept_and_told(published):
    figures = ROWS["E81001"][2].split(",")
    figures[4] = "0"
    found = published("2023_2024.csv", HEAD_2022 + line_2022("E81001", figures=",".join(figures)))
    assert named(found)["zero weight"]["subject"] == "wp_maternity"
    assert found.practices["wp_maternity"][0] == 0


def test_a_practice_in_a_district_of_another_system_is_told_with_its_persons(published):
    # Y07040 in 2025/26: 54.960736 persons of QHG under Enfield
    small = "54.960736,45.018097,24.515566,69.146406,48.259086,57.491736,46.010745,52.0,90.435486,85.5"
    odd = line_2025("E81001", lad="E09000010", figures=small).replace("E81001", "Y07040")
    text = HEAD_2025 + "".join(line_2025(code) for code in ROWS) + odd
    found = published("2025_2026.csv", text)
    trap = named(found)["district outside its system"]
    assert trap["subject"] == "Y07040"
    assert trap["persons"] == pytest.approx(54.96, abs=0.001)
    assert "Y07040" in found.practices["practice_code"].to_list()


def test_a_known_odd_district_is_told_even_where_nothing_shows_it(published):
    text = HEAD_2025 + line_2025("E81001", lad="E09000010").replace("E81001", "Y07040")
    assert named(published("2025_2026.csv", text))["district outside its system"]["subject"] == "Y07040"


def test_a_merged_practice_that_is_still_listed_is_told_from_2026_27(published):
    text = "".join(line_2026(code) for code in ROWS)
    trap = named(published("2026_2027.csv", HEAD_2026 + text))["merged practice still listed"]
    assert trap["found"] == "E81030 beside E81037 in 2026/27"
    before = "".join(line_2022(code) for code in ROWS)
    assert "merged practice still listed" not in named(published("2023_2024.csv", HEAD_2022 + before))


def test_the_practice_mapped_twice_and_the_system_with_a_new_code_are_told(published):
    traps = named(published("2026_2027.csv", HEAD_2026 + "".join(line_2026(code) for code in ROWS)))
    assert traps["duplicate practice mapping"]["subject"] == "K82057"
    assert traps["system code changed"]["subject"] == "T01"
    assert "QHG" in traps["system code changed"]["done"]
    assert traps["system code changed"]["practices"] == 5


def test_identical_rows_are_kept_once_and_different_ones_refused(published):
    found = published("2023_2024.csv", HEAD_2022 + 2 * line_2022("K82057") + line_2022("E81001"))
    assert found.practices.height == 2
    assert named(found)["duplicate practice"]["subject"] == "K82057"
    other = line_2022("K82057").replace("8484.742664", "8484")
    with pytest.raises(SourceError, match="practice K82057: found several rows with different figures"):
        published("2023_2024.csv", HEAD_2022 + line_2022("K82057") + other)


def test_rows_without_a_code_or_a_population_are_set_aside_with_the_reason(published):
    nameless = line_2022("E81002").replace("E81002,", ",", 1)
    empty = line_2022("E81030").replace("9212.700288", "")
    found = published("2023_2024.csv", HEAD_2022 + line_2022("E81001") + nameless + empty)
    assert found.practices["practice_code"].to_list() == ["E81001"]
    assert sorted(found.set_aside["reason"]) == ["no population", "no practice code"]


def test_a_byte_order_mark_and_another_encoding_are_accepted_and_told(published):
    text = HEAD_2022 + line_2022("E81001").replace("Surgery", "Café")
    assert "byte-order mark" in named(published("2023_2024.csv", b"\xef\xbb\xbf" + text.encode()))
    found = published("2023_2024.csv", text, encoding="cp1252")
    assert named(found)["encoding"]["done"] == "Read as Windows-1252"
    assert found.practices["practice_name"][0] == "Café, E81001"
    assert "encoding" in named(published("2023_2024.csv", text, encoding="utf-16"))


def test_a_release_that_holds_another_years_values_is_told(published, catalogue):
    # An early 2025_2026.csv held the values of 2024/25: its population adds to England's of 2024/25.
    england = catalogue.vintages["2024/25"].population.england_persons
    figures = ROWS["E81001"][2].split(",")
    figures[0] = str(england)
    text = HEAD_2025 + line_2025("E81001", figures=",".join(figures))
    assert "England's of 2024/25" in named(published("2025_2026.csv", text))["values of another year"]["found"]


def test_a_district_name_that_holds_the_code_is_told(published):
    assert (
        named(published("2025_2026.csv", HEAD_2025 + line_2025("E81001")))["district name holds its code"]["practices"]
        == 1
    )


def test_the_year_must_be_known_and_fit_the_headings(published):
    with pytest.raises(SourceError, match="Give it with --year"):
        published("practices.csv", HEAD_2022 + line_2022("E81001"))
    assert published("practices.csv", HEAD_2022 + line_2022("E81001"), year="2023/24").year == "2023/24"
    with pytest.raises(SourceError, match="expected the headings of 2026/27"):
        published("2026_2027.csv", HEAD_2022 + line_2022("E81001"))
    assert "year against file name" in named(
        published("2022_2023.csv", HEAD_2022 + line_2022("E81001"), year="2023/24")
    )


def test_unknown_headings_and_cells_that_are_no_numbers_are_told_together(published):
    with pytest.raises(SourceError) as caught:
        published(
            "2023_2024.csv", HEAD_2022.replace("ICS22,", "ICS,").replace("LTLA21", "District") + line_2022("E81001")
        )
    assert [f.found for f in caught.value.faults] == ["no heading 'ICS22'", "no heading 'LTLA21'"]
    broken = line_2022("E81001").replace("2894.839704", "n/a").replace("3016.618474", "-3")
    with pytest.raises(SourceError) as caught:
        published("2023_2024.csv", HEAD_2022 + broken)
    assert len(caught.value.faults) == 2


def test_the_command_writes_practices_and_traps(tmp_path, capsys):
    from api.cli.main import main

    file = tmp_path / "2023_2024.csv"
    file.write_text(HEAD_2022 + "".join(line_2022(code) for code in ROWS), encoding="utf-8")
    sys.argv = ["capitation", "import", "place-tool", str(file), "--out", str(tmp_path / "out"), "--json"]
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 0
    told = json.loads(capsys.readouterr().out)
    assert told["practices"] == 5
    assert {t["trap"] for t in told["traps"]} == {"population heading of another year"}
    assert pl.read_csv(tmp_path / "out" / "place-tool-2023-24.csv").height == 5


def test_the_command_offers_the_published_overall_and_what_it_offers_works(capitation, tmp_path):
    file, out = tmp_path / "2023_2024.csv", tmp_path / "out"
    file.write_text(HEAD_2022 + "".join(line_2022(code) for code in ROWS), encoding="utf-8")
    answer = capitation("import", "place-tool", file, "--out", out)
    assert answer.code == 0, answer.err
    assert "wp_core_overall: 5 practices carry the overall NHS England published" in answer.out
    written = out / "place-tool-2023-24.csv"
    assert f"capitation need --formula published-core --practices {written}" in answer.out
    assert f"capitation need recover --published {written}" in answer.out
    taken = capitation("need", "--formula", "published-core", "--practices", written, "--json")
    assert taken.code == 0, taken.err
    published = [float(row.split(",")[7]) for _, _, row in ROWS.values()]
    assert json.loads(taken.out)["total"]["weighted_persons"] == pytest.approx(sum(published), rel=1e-12)
    recovered = json.loads(capitation("need", "recover", "--published", written, "--json").out)
    assert (recovered["practices"], recovered["within_0_1_percent"]) == (5, 5)


def test_the_json_of_the_command_names_what_the_published_overall_serves(capitation, tmp_path):
    file = tmp_path / "2023_2024.csv"
    file.write_text(HEAD_2022 + "".join(line_2022(code) for code in ROWS), encoding="utf-8")
    said = json.loads(capitation("import", "place-tool", file, "--out", tmp_path / "out", "--json").out)["published"]
    core = next(overall for overall in said if overall["component"] == "core_overall")
    assert (core["practices"], core["taken_by"], core["recovers"]) == (5, ["published-core"], ["core-2023-24"])


def test_a_foot_row_codes_in_two_spellings_and_decimal_commas_are_refused_together(published):
    rows = [line_2022(code) for code in ("E81001", "E81002")]
    sums = ["13611.173585", *["1"] * 9]
    foot = line_2022("E81001", figures=",".join(sums)).replace("E81001,", "England,", 1)
    doubtful = line_2022("E81030").replace("7202.682699", '"7202,68"')
    twice = line_2022("E81002").replace("E81002,", "e81002,", 1)
    with pytest.raises(SourceError) as caught:
        published("2023_2024.csv", HEAD_2022 + "".join([*rows, doubtful, twice, foot]))
    text = str(caught.value)
    for part in (
        "line 4, column 'G&A WP': found '7202,68'",
        "lines 3, 5",
        "'E81002' and 'e81002'",
        "line 6: found 'England",
    ):
        assert part in text, text


def test_a_file_cut_short_is_named_beside_england_s_own_number(capitation, tmp_path):
    file = tmp_path / "2023_2024.csv"
    file.write_text(HEAD_2022 + "".join(line_2022(code) for code in ROWS), encoding="utf-8")
    answer = capitation("import", "place-tool", file, "--out", tmp_path / "out", "--json")
    assert answer.code == 0, answer.err
    notes = " ".join(json.loads(answer.out)["notes"])
    assert "5 practices beside England's 6,553 of 2023/24" in notes
    assert "registered persons beside England's 61,903,547" in notes


def test_a_file_without_a_foot_row_may_hold_a_practice_called_so(published):
    rows = "".join(line_2022(code) for code in ROWS) + line_2022("E81001").replace("E81001,", "Total,", 1)
    with pytest.raises(SourceError, match="called a total, though it is not the sum"):
        published("2023_2024.csv", HEAD_2022 + rows)
