"""Settings: what is given goes before the environment, the environment before the file; what is wrong is told all at once."""

import json

import pytest
from pydantic import ValidationError

from api.service.settings import Settings, unknown_variables
from capitation.errors import DocumentError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder to start from."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_line_goes_before_the_environment_and_that_before_the_file(folder, monkeypatch):
    (folder / "capitation.toml").write_text('workers = 3\nrate_requests = 7\nstore = "sqlite:///from-file.db"\n')
    assert (Settings().workers, Settings().rate_requests) == (3, 7)
    monkeypatch.setenv("CAPITATION_WORKERS", "4")
    assert (Settings().workers, Settings().rate_requests) == (4, 7)
    assert Settings(workers=5).workers == 5
    assert Settings().store_url == "sqlite:///from-file.db"


def test_a_file_elsewhere_is_named_by_a_variable(folder, monkeypatch):
    (folder / "other.toml").write_text("smallest_shown = 10\n")
    monkeypatch.setenv("CAPITATION_SETTINGS", str(folder / "other.toml"))
    assert Settings().smallest_shown == 10
    monkeypatch.setenv("CAPITATION_SETTINGS", str(folder / "lost.toml"))
    with pytest.raises(DocumentError, match="CAPITATION_SETTINGS"):
        Settings()


def test_a_key_of_the_file_that_is_no_setting_is_told_with_the_one_that_may_be_meant(folder, capitation):
    (folder / "capitation.toml").write_text("worker = 3\nrate_request = 7\n")
    with pytest.raises(DocumentError) as error:
        Settings()
    assert [fault.where for fault in error.value.faults] == ["capitation.toml: worker", "capitation.toml: rate_request"]
    assert "Did you mean" in str(error.value)
    assert capitation("keys", "list").code == 2
    assert sorted(path.name for path in folder.iterdir()) == ["capitation.toml"]


def test_an_issuer_without_keys_is_refused(folder, capitation, monkeypatch):
    with pytest.raises(ValidationError, match="go together"):
        Settings(token_issuer="https://issuer.example")
    monkeypatch.setenv("CAPITATION_TOKEN_ISSUER", "https://issuer.example")
    answer = capitation("keys", "list")
    assert (answer.code, "go together" in answer.err) == (2, True)


def test_a_variable_that_is_no_setting_is_noticed(monkeypatch):
    monkeypatch.setenv("CAPITATION_WORKRES", "3")
    (note,) = [note for note in unknown_variables() if "WORKRES" in note]
    assert "CAPITATION_WORKERS" in note


@pytest.mark.parametrize(
    "keys", ["https://ann:secret@x.example/keys", "http://x.example/keys", "https://x.example:port/"]
)
def test_an_address_of_keys_that_others_could_read_or_change_is_refused_and_not_shown(
    folder, capitation, monkeypatch, keys
):
    monkeypatch.setenv("CAPITATION_TOKEN_ISSUER", "https://x.example")
    monkeypatch.setenv("CAPITATION_TOKEN_KEYS", keys)
    answer = capitation("keys", "list")
    assert (answer.code, "token_keys is a file" in answer.err) == (2, True)
    assert "secret" not in answer.out + answer.err


def test_a_password_in_any_address_is_masked(folder):
    shown = Settings(scheduler="tls://ann:secret@10.0.0.5:8786").shown()
    assert shown["scheduler"] == "tls://***@10.0.0.5:8786"


def test_what_is_shown_holds_every_setting_and_no_password(folder):
    shown = Settings(store="postgresql://me:swordfish@host/db").shown()
    assert set(shown) == set(Settings.model_fields)
    assert "swordfish" not in json.dumps(shown)


def test_a_setting_out_of_its_range_is_named_where_it_was_made_and_in_words(folder, capitation, monkeypatch):
    (folder / "capitation.toml").write_text("smallest_shown = 1\n")
    monkeypatch.setenv("CAPITATION_RATE_REQUESTS", "many")
    answer = capitation("keys", "list")
    assert answer.code == 2
    assert "capitation.toml: smallest_shown: found 1; expected 3 or more" in answer.err
    assert "CAPITATION_RATE_REQUESTS: found 'many'; expected a whole number" in answer.err
