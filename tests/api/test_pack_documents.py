"""`capitation check` on bodies and organisations: what a run or a comparison would refuse later is said before."""

from api.cli.pack_documents import document_faults
from capitation.pack.layers import put_together
from capitation.pack.sources import DataPack
from capitation.run.document_checks import documents_fit_their_models


def edited(pack, folder, edits):
    made = put_together(pack.root, folder)
    for relative, old, new in edits:
        text = (made / relative).read_text(encoding="utf-8")
        assert old in text
        (made / relative).write_text(text.replace(old, new, 1), encoding="utf-8")
    return DataPack(made)


def test_a_body_that_begins_too_soon_or_leaves_money_nowhere_is_a_fault_of_its_pack(pack, tmp_path):
    body = "bodies/blmk.toml"
    early = edited(
        pack,
        tmp_path / "early",
        [
            (body, 'first_year = "2018/19"', 'first_year = "2017/18"'),
            (body, 'shadow_years = ["2017/18"]', "shadow_years = []"),
            (body, 'service = "community"', 'service = "comunity"'),
            ("contracts/blmk-whole-population.toml", "start = 2017-04-01", "start = 2016-04-01"),
        ],
    )
    said = "\n".join(map(str, document_faults(early)))
    assert "body blmk: first_year: found 2017/18, which begins before the body is established (Mar 2018)" in said
    assert "period.start: found 2016-04-01, before the first year of body blmk; expected 2017-04-01 or later" in said
    assert "scope: found no row for 'community', whose money then goes nowhere" in said
    assert "found unknown service 'comunity'" in said
    assert not list(document_faults(pack))


def test_an_option_that_begins_before_who_is_paid_is_there_is_a_fault_of_its_pack(pack, tmp_path):
    early = edited(
        pack,
        tmp_path / "early",
        [
            ("options/blmk.toml", 'since = "2018/19"', 'since = "2017/18"'),
            ("contracts/blmk-alliance.toml", "start = 2017-04-01", "start = 2016-04-01"),
        ],
    )
    said = "\n".join(map(str, document_faults(early)))
    assert (
        "options (capitation-corridor).since: found 2017/18, which begins before its party is established (Mar 2018)"
        in said
    )
    assert (
        "contract blmk-alliance: period.start: found 2016-04-01, before option capitation-alliance begins; expected 2017-04-01 or later"
        in said
    )


def test_a_book_of_organisations_that_contradicts_itself_is_a_fault_of_its_pack(pack, tmp_path):
    wrong = edited(
        pack,
        tmp_path / "twice",
        [("organisations/blmk.toml", 'organisations = ["RC9"]', 'organisations = ["RC9", "RC1", "RC8"]')],
    )
    (fault,) = [f for f in documents_fit_their_models(wrong) if "organisations/blmk.toml" in f.where]
    assert "two openings of 'RC1' in 2016/17" in str(fault)
    assert "'RC8', which is no commissioner and no provider" in str(fault)
