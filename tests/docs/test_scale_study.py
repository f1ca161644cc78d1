"""The study of sizes: its tables follow from its constants, and its prediction from what was measured."""

from tests.benchmarks.scale import CONSTANTS, PAGE, constants, text, two_predicted


def test_the_page_follows_from_its_constants():
    page = PAGE.read_text(encoding="utf-8")
    found = constants(page)
    assert set(found) == set(CONSTANTS)
    assert page == text(found)


def test_the_prediction_for_two_processes_is_within_a_fifth_of_what_was_measured():
    found = constants(PAGE.read_text(encoding="utf-8"))
    assert abs(two_predicted(found) / found["two_s"] - 1) <= 0.2
