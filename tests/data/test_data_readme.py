"""The pack's README is true: its example runs, and the folders and figures it names exist."""

import doctest

from capitation.pack.layers import default_data_folder, layers, shipped_packs

README = shipped_packs() / "README.md"


def test_the_example_gives_what_it_shows():
    results = doctest.testfile(str(README), module_relative=False, encoding="utf-8")
    assert results.attempted == 9
    assert results.failed == 0


def test_the_parameter_shown_is_the_parameter_carried():
    text = README.read_text(encoding="utf-8")
    shown = text.split("```toml\n")[1].split("```")[0].split("[[values]]")[1].strip()
    carried = (README.parent / "england" / "parameters" / "emergency" / "marginal_rate.toml").read_text(encoding="utf-8")
    assert shown in carried


def test_the_folders_of_sources_parameters_and_places_exist():
    for name in ("sources", "parameters", "places"):
        assert f"`{name}/" in README.read_text(encoding="utf-8")
        assert any((pack / name).is_dir() for pack in layers(default_data_folder()))
