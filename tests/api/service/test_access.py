"""Every resource x verb x role x scope x organisation, against a table a person can read; and the rows each sees."""

import itertools

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.service.kinds import KINDS
from api.service.security.access import (
    RESOURCES,
    ROLE_SCOPES,
    ROLES,
    RULES,
    SCOPES,
    VERBS,
    AccessError,
    Caller,
    check_second_hand,
    refusal,
)
from api.service.security.visibility import area_codes, visible
from capitation.errors import UnknownNameError
from capitation.run.tables import SCHEMAS
from contracts.options.evaluate import SCHEMAS as OPTION_SCHEMAS

SYSTEM = "BLMK"

# Read off the sentence "partners read; analysts make; approvers approve; finance exports; administrators administer".
MADE = "scenarios data-packs formulas contracts problems options runs settlements simulations optimisations futures comparisons chances party-chances designs plans"
DERIVED = "allocations positions figures jobs catalogue approvals"
EXPECTED = {
    "analyst": {
        "read": f"{MADE} exports differences {DERIVED}",
        "create": f"{MADE} exports differences",
        "change": "scenarios contracts problems options formulas",
        "delete": "jobs",
    },
    "approver": {
        "read": f"{MADE} exports differences {DERIVED}",
        "create": "approvals",
    },
    "finance": {
        "read": f"{MADE} exports differences {DERIVED} journals",
        "create": "journals",
    },
    "partner": {"read": f"{MADE} exports differences {DERIVED}"},
    "administrator": {
        "read": f"{MADE} exports differences {DERIVED} keys audit metrics",
        "create": "keys",
        "delete": "keys",
    },
}
OPEN_READS = set(f"{MADE} {DERIVED}".split())


def caller(role="analyst", organisation=SYSTEM, scopes=SCOPES, subject="anna"):
    return Caller(subject, organisation, role, frozenset(scopes), "key")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("organisation", [SYSTEM, "RC9", "06F"])
def test_each_role_of_each_organisation_may_do_what_the_table_says_and_no_more(role, organisation):
    for resource, verb in itertools.product(RESOURCES, VERBS):
        is_listed = resource in EXPECTED[role].get(verb, "").split()
        is_open = verb == "read" and resource in OPEN_READS
        may = is_listed and (organisation == SYSTEM or is_open)
        found = refusal(caller(role, organisation), resource, verb, SYSTEM)
        assert (found is None) == may, f"{role} of {organisation}: {verb} {resource}: {found}"


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("resource", "verb"), sorted(RULES))
def test_the_scope_is_needed_and_only_that_scope(role, resource, verb):
    needed = RULES[resource, verb].scope
    alone = refusal(caller(role, scopes=[needed]), resource, verb, SYSTEM)
    without = refusal(caller(role, scopes=set(SCOPES) - {needed}), resource, verb, SYSTEM)
    if needed in ROLE_SCOPES[role]:
        assert alone is None
        assert without is not None
        assert without.code == "scope"
        assert needed in str(without)
    else:
        assert alone is not None
        assert alone.code == "role"
        assert without is not None
        assert without.code == "role"


def test_a_thing_that_is_not_in_the_table_nobody_may_do():
    missing = [pair for pair in itertools.product(RESOURCES, VERBS) if pair not in RULES]
    assert ("audit", "delete") in missing
    assert ("audit", "change") in missing
    assert ("journals", "change") in missing
    for resource, verb in missing:
        for role in ROLES:
            found = refusal(caller(role), resource, verb, SYSTEM)
            assert found is not None
            assert found.code == "not-offered"


def test_a_refusal_says_whose_callers_may():
    assert refusal(caller("analyst"), "runs", "create", SYSTEM) is None
    refused = refusal(caller("analyst", "RC9"), "runs", "create", SYSTEM)
    assert "found organisation RC9; expected BLMK" in str(refused)
    assert refused.code == "organisation"


def test_every_resource_can_be_read_by_someone():
    assert {resource for resource, verb in RULES if verb == "read"} == set(RESOURCES)


def test_no_role_can_both_make_and_approve_or_both_approve_and_export():
    for role, scopes in ROLE_SCOPES.items():
        assert len(scopes & {"run:write", "approve", "journal:export"}) <= 1, role
    assert ROLE_SCOPES["analyst"] == {"run:read", "run:write"}


@pytest.mark.parametrize("maker", ["anna", "ANNA", " anna "])
def test_the_maker_cannot_approve_in_any_role_or_spelling(maker):
    for role in ROLES:
        with pytest.raises(AccessError) as refused:
            check_second_hand(caller(role), maker, "r1")
        assert refused.value.code == "maker-approves"


def test_another_hand_approves_and_a_run_without_maker_is_refused():
    check_second_hand(caller("approver", subject="ben"), "anna", "r1")
    with pytest.raises(AccessError) as refused:
        check_second_hand(caller("approver", subject="ben"), " ", "r1")
    assert refused.value.code == "maker-unknown"


def test_every_frame_of_a_run_and_of_options_says_who_sees_its_rows():
    for kind, schemas in (("run", SCHEMAS), ("comparison", OPTION_SCHEMAS)):
        assert set(schemas) == set(KINDS[kind].frames)
        for name, rule in KINDS[kind].frames.items():
            marks = [] if rule.totals in (None, "*") else [rule.totals[0]]
            assert set(rule.own) | set(marks) <= set(schemas[name].columns()), name
    for kind in KINDS.values():
        for rule in kind.frames.values():
            assert set(rule.area) <= set(rule.own)


def test_the_system_sees_all_rows_and_a_partner_of_the_same_organisation_does_not(blmk_run):
    for name, frame in blmk_run.frames.items():
        assert visible("run", name, frame, caller("analyst"), SYSTEM).equals(frame)
    partner = visible("run", "provider_allocation", blmk_run.frame("provider_allocation"), caller("partner"), SYSTEM)
    assert partner.height == 0


def test_a_hospital_sees_the_totals_of_the_system_and_its_own_detail(blmk_run):
    hospital = caller("partner", "RC9")
    area = area_codes("RC9", blmk_run.frame("membership"))
    assert area == set()
    allocation = visible("run", "allocation", blmk_run.frame("allocation"), hospital, SYSTEM, area)
    assert allocation.get_column("level").unique().to_list() == ["system"]
    assert allocation.height == blmk_run.frame("allocation").filter(pl.col("level") == "system").height
    provided = visible("run", "provider_allocation", blmk_run.frame("provider_allocation"), hospital, SYSTEM, area)
    assert provided.get_column("provider_code").unique().to_list() == ["RC9"]
    assert (
        provided.get_column("allocation_pence").sum()
        == blmk_run.frame("provider_allocation").filter(provider_code="RC9").get_column("allocation_pence").sum()
    )
    ledger = visible("run", "ledger", blmk_run.frame("ledger"), hospital, SYSTEM, area)
    assert set(ledger.get_column("subject_code")) == {"BLMK", "RC9"}
    assert visible("run", "population", blmk_run.frame("population"), hospital, SYSTEM, area).height == 0


def test_a_commissioner_sees_the_practices_localities_and_providers_it_pays(blmk_run):
    members = blmk_run.frame("membership")
    area = area_codes("06P", members)
    own = set(members.filter(commissioner_code="06P").get_column("practice_code"))
    assert own <= area
    assert "L-U27128" in area
    assert "E06000032" not in area  # one practice of Luton is Bedfordshire's, so the place is not wholly Luton CCG's
    assert "E06000055" in area_codes("06F", members)
    people = visible("run", "population", blmk_run.frame("population"), caller("partner", "06P"), SYSTEM, area)
    assert set(people.get_column("practice_code")) == own
    paid = visible(
        "run", "provider_allocation", blmk_run.frame("provider_allocation"), caller("partner", "06P"), SYSTEM, area
    )
    assert set(paid.filter(pl.col("commissioner_code") != "06P").get_column("locality_code")) <= area
    assert paid.filter(commissioner_code="06P").height == (
        blmk_run.frame("provider_allocation").filter(commissioner_code="06P").height
    )


def test_an_area_that_is_shared_belongs_to_neither():
    members = pl.DataFrame(
        {
            "practice_code": ["P1", "P2", "P3"],
            "locality_code": ["L1", "L1", "L2"],
            "place_code": ["A", "A", "A"],
            "commissioner_code": ["C1", "C2", "C1"],
        }
    )
    assert area_codes("C1", members) == {"P1", "P3", "L2"}
    assert area_codes("C2", members) == {"P2"}
    assert area_codes("A", members) == {"A", "L1", "L2", "P1", "P2", "P3"}
    assert area_codes("RC9", members) == set()


def test_a_frame_without_a_rule_is_shown_to_no_partner():
    frame = pl.DataFrame({"provider_code": ["RC9"], "secret_pence": [1]})
    assert visible("run", "new_frame", frame, caller("finance"), SYSTEM).height == 1
    with pytest.raises(UnknownNameError, match="new_frame"):
        visible("run", "new_frame", frame, caller("partner", "RC9"), SYSTEM)


@given(
    st.lists(st.tuples(st.sampled_from(["RC9", "RC1", "RD8"]), st.sampled_from(["06F", "06P", "RC9"])), max_size=20),
    st.sampled_from(["RC9", "RC1", "06F", "E06000032"]),
    st.sampled_from([role for role in ROLES if role != "partner"]),
)
def test_nobody_of_another_organisation_is_shown_a_row_of_others(rows, organisation, role):
    frame = pl.DataFrame(
        rows, schema={"provider_code": pl.String, "commissioner_code": pl.String}, orient="row"
    ).with_columns(pl.lit("L1").alias("locality_code"))
    seen = visible("run", "provider_allocation", frame, caller(role, organisation), SYSTEM)
    expected = [row for row in frame.iter_rows() if organisation in row[:2]]
    assert seen.rows() == expected
