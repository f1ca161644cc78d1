"""Stages are kept by what they read: the same again is not worked out again, and no answer outlives what it was made from."""

from __future__ import annotations

import polars as pl
import pytest

from capitation.errors import CapitationError
from capitation.pack.sources import DataPack
from capitation.pack.stages import Memory, Stages, size_of
from capitation.records.documents import Document


class Plan(Document):
    money: int
    people: int

    @property
    def both(self) -> int:
        return self.money + self.people

    def added(self, more: int) -> int:
        return self.people + more


def money_of(plan):
    return pl.DataFrame({"pence": [plan.money]})


def by_method(plan):
    return plan.added(1)


def double(frame, factor):
    return frame * factor


def words(pack):
    return sorted(pack.files("notes/*.toml")), pack.path("pack.toml").read_text(encoding="utf-8")


@pytest.fixture
def pack(tmp_path):
    (tmp_path / "pack.toml").write_text('title = "one"\n', encoding="utf-8")
    return DataPack(tmp_path)


def made(plan, pack, memory, make=money_of):
    stages = Stages(plan, pack.afresh(), memory)
    stages.keep("stage", make, stages.document)
    return stages.made


def test_only_what_a_stage_looked_at_makes_it_anew(pack):
    memory = Memory()
    assert made(Plan(money=1, people=1), pack, memory) == ["stage"]
    assert made(Plan(money=1, people=2), pack, memory) == []
    assert made(Plan(money=2, people=1), pack, memory) == ["stage"]
    assert made(Plan(money=1, people=9), pack, memory) == []


def test_a_property_is_read_by_its_value_and_a_method_may_read_anything(pack):
    memory = Memory()
    assert made(Plan(money=1, people=4), pack, memory, lambda plan: plan.both) == ["stage"]
    assert made(Plan(money=1, people=4), pack, memory, by_method) == ["stage"]
    assert made(Plan(money=2, people=4), pack, memory, by_method) == ["stage"]
    assert made(Plan(money=2, people=4), pack, memory, by_method) == []


def test_what_goes_into_a_stage_is_in_its_key(pack):
    memory = Memory()
    results = []
    for money, factor in ((1, 2), (1, 3), (2, 2), (1, 2)):
        stages = Stages(Plan(money=money, people=0), pack.afresh(), memory)
        first = stages.keep("first", money_of, stages.document)
        last = stages.keep("last", double, first, factor)
        results.append((stages.made, last.value.item(), last.key))
    assert [made for made, _, _ in results] == [["first", "last"], ["last"], ["first", "last"], []]
    assert [value for _, value, _ in results] == [2, 3, 4, 2]
    assert len({key for _, _, key in results[:3]}) == 3
    assert results[0][2] == results[3][2]


def test_a_file_changed_added_or_removed_makes_a_stage_anew_and_is_named_as_opened(pack, tmp_path):
    memory = Memory()

    def again():
        own = pack.afresh()
        stages = Stages(Plan(money=1, people=1), own, memory)
        value = stages.keep("words", words, stages.pack).value
        return bool(stages.made), value, own.opened

    assert again()[0]
    kept = again()
    assert not kept[0]
    assert list(kept[2]) == ["pack.toml"]
    (tmp_path / "pack.toml").write_text('title = "two"\n', encoding="utf-8")
    was, value, _ = again()
    assert was
    assert "two" in value[1]
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.toml").write_text("", encoding="utf-8")
    assert again()[1][0] == ["notes/a.toml"]
    (tmp_path / "notes" / "a.toml").unlink()
    assert again()[1][0] == []


def test_a_stage_that_fails_is_not_kept_and_old_ones_go_where_there_is_no_room(pack):
    memory = Memory(most_bytes=4_000)

    def fails(_plan):
        raise CapitationError("no")

    stages = Stages(Plan(money=1, people=1), pack, memory)
    for _ in range(2):
        with pytest.raises(CapitationError):
            stages.keep("fails", fails, stages.document)
    for size in (100, 101, 102, 103, 104, 105):
        Stages(Plan(money=1, people=1), pack, memory).keep("frame", lambda n: pl.DataFrame({"n": range(n)}), size)
    last = Stages(Plan(money=1, people=1), pack, memory)
    assert sum(len(kept) for kept in memory._kept.values()) < 6
    assert memory._bytes <= memory.most_bytes
    last.keep("frame", lambda n: pl.DataFrame({"n": range(n)}), 100)
    assert last.made == ["frame"]
    assert size_of([pl.DataFrame({"n": range(1000)})]) > 8_000


def test_a_stage_within_a_stage_hands_on_what_it_read(pack, tmp_path):
    memory = Memory()

    def outer(own):
        return Stages(None, own, memory).keep("inner", words, own).value[0]

    def again():
        stages = Stages(None, pack.afresh(), memory)
        return stages.keep("outer", outer, stages.pack).value

    assert again() == again() == []
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.toml").write_text("", encoding="utf-8")
    assert again() == ["notes/a.toml"]


def test_stages_without_a_pack_keep_by_values_alone():
    memory = Memory()
    first, second = (Stages(None, None, memory).keep("double", double, 2, 3) for _ in range(2))
    assert first.value == 6
    assert first is second
    with pytest.raises(ValueError, match="without a pack"):
        Stages(None, None, memory).pack  # noqa: B018
