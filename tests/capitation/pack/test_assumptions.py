"""The assumptions log: every judgement, weak and important first."""

from decimal import Decimal

from capitation.pack.assumptions import assumptions
from capitation.records.documents import Document, Figure


class Choice(Document):
    """A document with two figures."""

    one: Figure
    """First."""
    many: tuple[Figure, ...]
    """Others."""


def figure(source, quality=None, impact=None, value="0.5"):
    owner = "Finance director" if source == "assumption" else None
    return Figure(
        value=Decimal(value), unit="share", source=source, where="here", owner=owner, quality=quality, impact=impact
    )


def test_only_judgements_are_logged_weak_and_important_first():
    document = Choice(
        one=figure("assumption", "amber", "red"), many=(figure("blmk-stp-2016"), figure("assumption", "red", "green"))
    )
    log = assumptions({"c": document})
    assert log.select("rank", "place", "quality").rows() == [(1, "many[1]", "red"), (2, "one", "amber")]
    assert log["value"].to_list() == ["0.5", "0.5"]


def test_the_blmk_run_logs_its_stand_ins_floors_and_openings(blmk_run):
    log = blmk_run.frame("assumption")
    text = "\n".join(log["about"])
    for part in (
        "Openings by commissioner were not found",
        "prescribing need stands in",
        "business rule of the period",
    ):
        assert part in text
    assert log["quality"].to_list()[0] == "red"
