"""`capitation need recover`: a user's own file with a published overall column gives the cost coefficients of its districts."""

import csv
import json

import pytest

HEAD = "practice_code,year,lad_code,registered_projected,wp_general_acute,wp_community,wp_mental_health,wp_maternity,wp_health_inequalities,wp_prescribing"
# Published figures of 2023/24 for two practices of Bedford and one of Luton, the overall last.
ROWS = [
    "E81030,2023/24,E06000055,9212.700288,7202.682699,5191.350371,10095.868345,14135.878859,10567.435489,6945.437812,7991.662369",
    "E81037,2023/24,E06000055,38168.291987,39398.371771,44072.500896,36201.823754,29325.46518,39970.092168,39589.459234,39236.432247",
    "E81001,2023/24,E06000032,3411.597614,2894.839704,2580.621909,4387.694179,4242.392256,4184.030833,3016.618474,3241.686936",
]


@pytest.fixture
def whole(tmp_path):
    path = tmp_path / "whole.csv"
    path.write_text("\n".join([f"{HEAD},wp_core_overall", *ROWS]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def apart(tmp_path):
    """The components in one file and the published overall in another."""
    parts, overall = tmp_path / "parts.csv", tmp_path / "overall.csv"
    parts.write_text("\n".join([HEAD, *(row.rpartition(",")[0] for row in ROWS)]) + "\n", encoding="utf-8")
    pairs = [f"{row.split(',')[0]},{row.rpartition(',')[2]}" for row in ROWS]
    overall.write_text("\n".join(["practice_code,Final WP", *pairs]) + "\n", encoding="utf-8")
    return parts, overall


def test_districts_come_out_as_known_and_serve_as_cost_indices(capitation, whole, tmp_path):
    index, fits, weighed = tmp_path / "index.csv", tmp_path / "fits.csv", tmp_path / "weighed.csv"
    answer = capitation("need", "recover", "--published", whole, "--out", index, "--residuals", fits, "--json")
    assert answer.code == 0, answer.err
    said = json.loads(answer.out)
    assert (said["formula"], said["year"], said["practices"], said["within_0_1_percent"]) == (
        "core-2023-24",
        "2023/24",
        3,
        3,
    )
    found = {area["lad_code"]: area["coefficient"] for area in said["areas"]}
    assert found == {"E06000055": pytest.approx(0.8193765, abs=5e-7), "E06000032": pytest.approx(0.8211329, abs=5e-7)}
    assert [note for note in said["notes"] if note.endswith("E06000032")]
    with fits.open(encoding="utf-8") as file:
        assert max(abs(float(row["difference"])) for row in csv.DictReader(file)) < 1e-6
    again = capitation(
        "need", "--formula", "core-2023-24", "--practices", whole, "--cost-index", index, "--out", weighed
    )
    assert again.code == 0, again.err
    with weighed.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["cost_index_basis"] for row in rows} == {"given"}
    assert float(rows[0]["weighted_persons"]) == pytest.approx(3241.686936, rel=1e-6)


def test_the_components_may_stand_in_another_file(capitation, apart):
    parts, overall = apart
    answer = capitation("need", "recover", "--published", overall, "--practices", parts, "--year", "2023/24")
    assert answer.code == 0, answer.err
    assert "3 practices in 2 areas: 3 (100.0%) within 0.1% of the published figure" in answer.out


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], "found no column 'year'; expected one year to use"),
        (["--year", "2023/24"], "If the components are in another file, name it with --practices"),
        (["--year", "2019/20"], "found the year 2019/20; expected one whose formula takes a cost index by area"),
        (["--year", "2023/24", "--formula", "core-2024-25"], "expected a year of 2024/25"),
        (["--year", "2023/24", "--column", "Final"], "no column 'Final'"),
    ],
)
def test_what_is_missing_is_said_and_nothing_is_written(capitation, apart, tmp_path, more, said):
    out = tmp_path / "index.csv"
    answer = capitation("need", "recover", "--published", apart[1], "--out", out, *more)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err
    assert not out.exists()


def test_need_without_its_options_says_both(capitation):
    answer = capitation("need")
    assert answer.code == 2
    assert "--formula: found none" in answer.err
    assert "--practices: found none" in answer.err
