"""Every frame, settlement, programme and mix of the shipped documents has the bytes whose checksums are kept beside this file."""

import json

from tests.snapshots.same_bytes import STORED, checksums, differences


def test_every_frame_settlement_programme_and_mix_has_the_bytes_it_had():
    stored = json.loads(STORED.read_text(encoding="utf-8"))
    assert differences(checksums(), stored) == [], "python tests/snapshots/same_bytes.py --store keeps the new ones"
    assert len(stored) > 100


def test_what_is_missing_new_or_other_is_named():
    assert differences({"a": "1", "c": "3", "d": "4"}, {"a": "1", "b": "2", "c": "0"}) == [
        "missing: b",
        "new: d",
        "other: c",
    ]
