"""Every figure of the plan that the product must carry, typed again here and compared with the printed cells."""

import pytest

PLAN = "blmk-stp-2016"

YEARS = ("2015/16", "2016/17", "2017/18", "2018/19", "2019/20", "2020/21", "Total Growth Cum %")

ALLOCATION = """
Population projection|972,679|984,997|996,968|1,008,940|1,020,650|1,032,205|6.1%
CCG allocation|1,006,288|1,088,109|1,120,851|1,156,545|1,194,379|1,254,037|24.6%
Primary medical allocation|108,470|112,939|119,478|124,161|129,608|136,358|25.7%
Specialised allocation|213,153|230,702|242,933|255,035|267,655|282,361|32.5%
Total place-based allocation|1,327,911|1,431,750|1,483,262|1,535,741|1,591,642|1,672,756|26.0%
"""

SPEND = """
Acute Services|590.9|44%
Mental Health|119.8|9%
Community Services|79.5|6%
Continuing Health Care|50.3|4%
Prescriptions|123.2|9%
Primary Care|126.6|9%
Specialised Comm.|209.5|16%
Other Programme|24.0|2%
Social Care|18.3|1%
Total|£1,342|100%
"""

ACTIVITY_COLUMNS = (
    "16/17 Activity Baseline",
    "Unmitigated 2020/21 Projected Activity",
    "Mitigated 2020/21 Projected activity",
    "Activity Growth by 2020/21 - Current Trends",
    "Impact of Consolidated Channel Shift Solutions",
)

ACTIVITY = """
Acute - A&E|295,308|354,739|310,333|20%|-13%
Acute - EIP-Daycase|110,914|133,235|115,053|20%|-14%
Acute - Non Elective IP|115,687|138,970|122,246|20%|-12%
Acute - Outpatient|874,259|993,576|857,792|14%|-14%
Acute - Ambulance|194,058|218,820|201,723|13%|-8%
Mental Health|623,326|671,638|679,227|+8%|+1%
Community Services|728,469|832,806|800,934|14%|-4%
Continuing Health Care|424,996|488,254|478,078|15%|-2%
Primary Care|4,335,337|4,678,291|4,832,927|+8%|+3%
Social Care|189,078|216,159|225,322|+14%|+4%
"""

SUPPLY_COLUMNS = ("Bedfordshire", "Luton", "Milton Keynes", "BLMK", "England Average")

SUPPLY = """
No. of GP practices|55|31|27|113|
No. of GPs|218|82|111|411|
No. of GP practice nurses|129|44|64|237|
Patients per GP|2,077|2,699|2,494|2,349|
Patients per GP practice nurse|3,511|5,030|4,326|4,073|
Patients per GP Practice|8,234|7,140|10,255|8,543|7,518
GPs per 1,000 patients|0.52|0.44|0.52|0.49|0.57
GP practice nurses per 1,000 patients|0.28|0.25|0.28|0.27|0.27
% of GPs age > 55|24%|23%|25%|24%|20%
% of GP practice nurses age > 55|28%|25%|27%|27%|
"""

AE, AMBULANCE, RTT = "A&E waits under 4 hours", "Ambulance Category A responded to under 8 minutes", "18 weeks RTT"

WAITS_COLUMNS = (AE, AMBULANCE, RTT, "62-day cancer", "Two-week cancer", "31-day cancer")

WAITS = """
Standard|95%|75%|92%|85%|93%|96%
BHT|91.6%||93.7%|82.9%|94.4%|98.7%
LDUH|99.1%||92.9%|90.0%|96.1%|100.0%
MKUH|91.2%||88.8%|80.4%|95.7%|100.0%
BCCG||76.3%|91.6%|75.9%|95.1%|98.5%
LCCG||94.6%|93.3%|85.3%|95.3%|98.4%
MKCCG||80.6%|90.2%|74.0%|95.6%|100.0%
"""

VACANCY_COLUMNS = (
    "Vacancy, Bedfordshire",
    "Vacancy, Luton",
    "Vacancy, Milton Keynes",
    "Turnover, BLMK",
    "Aged over 55, BLMK",
)

VACANCIES = """
District Nursing|25%|15%|13%|> 20%|20%
Health visiting|14%|20%||15%|21%
Occupational Therapists|11%||22%||
Physiotherapists||13%|12%||
Dietetics|||20%||
SALT|13%||||
AHP staff groups||||over 20%|
"""

BROUGHT = "Brought forward into 2016/17"

SINGLE = {
    ("distance_from_target", "Distance under target", "Start of the plan"): "£62m",
    ("distance_from_target", "Distance under target", "End of the plan"): "£40m",
    ("stf", "Earmarked fair share, recurrent from 2020/21", "2020/21"): "£62.5m",
    ("stf", "Applied to the 2016/17 deficit", "2016/17"): "£22.2m",
    ("do_nothing", "Consolidated deficit", "2020/21"): "£311m",
    ("do_nothing", "Recurrent NHS deficit", "2020/21"): "£203m",
    ("do_nothing", "Recurrent council deficit", "2020/21"): "£108m",
    ("do_nothing", "Combined deficit of CCGs and trusts", "2015/16"): "£75.6m",
    ("do_nothing", "Combined recurrent deficit before STF", "2016/17"): "£24.4m",
    ("do_nothing", "STF applied", "2016/17"): "£22.2m",
    ("do_nothing", "Planned recurrent surplus of the three CCGs", "2016/17"): "£21.9m",
    ("do_nothing", "Accumulated deficit of the three CCGs", BROUGHT): "£84.5m",
    ("do_nothing", "Accumulated deficit of the three CCGs as a share of England's", BROUGHT): "33%",
    ("do_nothing", "Accumulated deficit of two hospital trusts", BROUGHT): "£154.1m",
    ("workforce_by_solution", "Enhanced Primary Care", "Recurrent workforce to 2020/21"): "299",
    ("workforce_by_solution", "Complex care management", "Recurrent workforce to 2020/21"): "83",
    ("workforce_by_solution", "Single clinical hub and single point of access", "Recurrent workforce to 2020/21"): "94",
    ("secondary_care_savings", "Speciality Clinical Services", "Savings challenge"): "£25m",
    ("secondary_care_savings", "Speciality Clinical Services", "Share of aggregate hospital cost base"): "3.5%",
    ("secondary_care_savings", "Clinical Support Services", "Savings challenge"): "£6m",
    ("secondary_care_savings", "Non-Clinical Support Services", "Savings challenge"): "£7m",
    ("secondary_care_savings", "Non-Medical Clinical Workforce", "Savings challenge"): "incl in above",
    ("social_care", "Vacancies", "Central Bedfordshire"): "9.7%",
    ("social_care", "Vacancies", "Bedford Borough"): "12.6%",
    ("social_care", "Vacancies", "Luton"): "15.1%",
    ("social_care", "Vacancies", "Eastern region"): "7.3%",
    ("social_care", "Vacancies", "England"): "6.1%",
    ("social_care", "Average age", "BLMK"): "43",
    ("social_care", "Aged 55 and over", "BLMK"): "22%",
    ("social_care", "Posts to fill in the next few years", "BLMK"): "4,000",
    ("headlines", "Beds occupied by people medically fit to leave", "BLMK"): "150",
}


def grid(text: str, columns: tuple[str, ...]) -> dict[tuple[str, str], str]:
    """Cells of a grid typed with bars between columns; an empty place is a cell that is not printed."""
    found = {}
    for line in text.strip().splitlines():
        label, *values = line.split("|")
        found |= {(label, c): v for c, v in zip(columns, values, strict=True) if v}
    return found


def cells(pack, source, table):
    return {(row, column): value for row, column, value, *_ in pack.printed(source, table).iter_rows()}


@pytest.mark.parametrize(
    ("table", "text", "columns"),
    [
        ("place_based_allocation", ALLOCATION, YEARS),
        ("spend_by_service_2016_17", SPEND, ("2016/17 Spend £m", "%")),
        ("activity", ACTIVITY, ACTIVITY_COLUMNS),
        ("general_practice_supply", SUPPLY, SUPPLY_COLUMNS),
        ("waiting_times", WAITS, WAITS_COLUMNS),
        ("vacancies", VACANCIES, VACANCY_COLUMNS),
    ],
)
def test_each_printed_grid_holds_exactly_these_figures(pack, table, text, columns):
    assert cells(pack, PLAN, table) == grid(text, columns)


@pytest.mark.parametrize(("table", "row", "column"), SINGLE)
def test_each_single_figure_is_printed_so(pack, table, row, column):
    assert cells(pack, PLAN, table)[row, column] == SINGLE[table, row, column]


def test_tables_of_single_figures_hold_no_others(pack):
    for table in {t for t, _, _ in SINGLE} - {"headlines"}:
        assert set(cells(pack, PLAN, table)) == {(r, c) for t, r, c in SINGLE if t == table}


def test_six_solutions_have_no_printed_workforce(pack):
    column = "Recurrent workforce to 2020/21"
    found = {row: value for (row, c), value in cells(pack, PLAN, "solutions").items() if c == column}
    assert found == {
        "Enhanced Primary Care": "299",
        "Complex care management": "83",
        "Single clinical hub and single point of access": "94",
        "Acute-based care management": "not printed",
        "Referral management": "not printed",
        "Medicines optimisation": "not printed",
        "Community-based outreach": "not printed",
        "Fracture Liaison Services": "not printed",
        "Social Prescribing Hub": "not printed",
    }


def test_figures_of_the_press_report(pack):
    assert cells(pack, "hsj-blmk-2016", "plan_figures") == {
        ("Digital programme", "Cost, almost or over"): "£52m",
        ("Single pathology service", "Expected saving"): "£4.5m",
        ("Locality population", "Range"): "30,000 to 50,000",
    }


def test_the_july_list_names_sixteen_partners_and_four_roles(pack):
    found = cells(pack, "blmk-news-2016-07", "partners")
    names = [value for (_, column), value in found.items() if column == "Partner"]
    roles = {found[row, "Partner"]: value for (row, column), value in found.items() if column == "Role"}
    assert len(names) == len(set(names)) == 16
    assert {name.split(" NHS")[0]: role.split(" for ")[1] for name, role in roles.items()} == {
        "South Essex Partnership": "Bedfordshire",
        "Central and North West London": "Milton Keynes",
        "Cambridgeshire Community Services": "Luton",
        "East London": "Bedfordshre and Luton",  # spelled so in the source
    }


def test_the_may_briefing_says_sixteen_partners_but_names_seventeen(pack):
    found = cells(pack, "blmk-briefing-2016-05", "partners")
    assert found["All partners", "Count stated"] == "16"
    names = {value for (_, column), value in found.items() if column == "Partner"}
    assert len(names) == 17
    assert "East Midlands Ambulance Service NHS Trust" in names


def test_four_themes_hold_nine_work_streams(pack):
    found = cells(pack, "blmk-briefing-2016-05", "work_streams")
    by_theme = [value for (_, column), value in found.items() if column == "Theme"]
    assert [by_theme.count(f"Theme {n}") for n in (1, 2, 3, 4)] == [1, 2, 3, 3]


def test_five_priorities(pack):
    assert list(cells(pack, "blmk-news-2016-07", "priorities").values()) == [
        "illness prevention and health improvement",
        "primary, community and social care",
        "secondary care",
        "digitisation",
        "demand management and commissioning",
    ]
