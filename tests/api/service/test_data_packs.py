"""Data packs over HTTP: sent, refused, listed, read, given back, and computed with."""

import io
import json
import shutil
import tempfile
import zipfile
from pathlib import Path

import pytest

from api.service.packs.archive import archive_of, unpacked
from api.service.records.pack import Pack
from capitation.pack.layers import alone, default_data_folder, put_together

CARRIED = default_data_folder()


@pytest.fixture(scope="session")
def copied(tmp_path_factory) -> Path:
    """A copy of the shipped pack with another title."""
    folder = tmp_path_factory.mktemp("copy") / "pack"
    put_together(CARRIED, folder)
    retitle(folder, "A changed copy")
    return folder


@pytest.fixture
def temporary(tmp_path, monkeypatch) -> Path:
    """A folder of one's own for what the service unpacks on the way."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def retitle(folder, title):
    path = folder / "pack.toml"
    lines = [line for line in path.read_text().splitlines() if not line.startswith("title")]
    path.write_text("\n".join([*lines, f"title = {json.dumps(title)}"]) + "\n")


def other(folder, title):
    """A small pack of another title."""
    shutil.copytree(CARRIED / "sources" / "blmk-stp-2016", folder / "sources" / "blmk-stp-2016")
    (folder / "pack.toml").write_bytes(alone((CARRIED / "pack.toml").read_bytes()))
    retitle(folder, title)
    return Pack(folder)


def send(served, archive, key="key", media="application/zip"):
    return served.client.post(
        "/v1/data-packs", content=archive, headers={"Idempotency-Key": key, "Content-Type": media}
    )


def sent(served, pack, key):
    answer = send(served, archive_of(pack), key)
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.mark.both_databases("archives are kept as bytes in the database")
@pytest.mark.usefixtures("tried_as_served")
def test_a_changed_copy_of_the_shipped_pack_is_kept_and_given_back(served, store_url, copied, tmp_path, temporary):
    whole = store_url.startswith("sqlite")  # to the other database a pack is so many bytes
    pack, client = Pack(copied) if whole else other(tmp_path / "pack", "A changed copy"), served.client
    made = send(served, archive_of(pack))
    assert made.status_code == 201, made.text
    view = made.json()
    assert (view["id"], view["title"], view["digest"]) == ("blmk", "A changed copy", pack.digest)
    assert view["files"] == pack.files
    assert (view["is_default"], view["author"]) == (False, "local")
    assert made.headers["location"] == view["href"] == f"/v1/data-packs/{pack.digest}"
    assert made.headers["etag"] == f'"{pack.digest}"'
    assert client.get(view["href"]).json() == view
    assert client.get("/v1/data-packs/blmk").json() == view  # the newest of its id

    archive = client.get(view["archive"])
    assert archive.headers["content-type"] == "application/zip"
    assert archive.headers["etag"] == f'"{pack.digest}"'
    assert "immutable" in archive.headers["cache-control"]
    assert unpacked(archive.content, tmp_path / "back").files == pack.files
    again = client.get(view["archive"], headers={"If-None-Match": archive.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")

    assert served.service.packs.named(pack.digest).files == pack.files
    assert list(temporary.iterdir()) == []


def test_a_run_is_made_with_a_pack_that_was_sent(served, copied):
    pack = Pack(copied)
    assert sent(served, pack, "a")["digest"] == pack.digest
    job = served.ask("/v1/runs", {"scenario": "blmk", "data_pack": pack.digest}, "b")
    result = served.client.get(job["result"]).json()
    assert result["content"]["data_pack"] == pack.digest


@pytest.mark.both_databases("archives are kept as bytes in the database")
def test_the_same_pack_again_is_what_is_there(served, tmp_path):
    pack = other(tmp_path / "pack", "Small")
    first = send(served, archive_of(pack), "a")
    replayed = send(served, archive_of(pack), "a")
    assert (replayed.status_code, replayed.json()) == (201, first.json())
    stored = io.BytesIO()  # the same files in another archive
    with zipfile.ZipFile(stored, "w") as archive:
        for name in reversed(pack.files):
            archive.writestr(f"top/{name}", (pack.folder / name).read_bytes())
    again = send(served, stored.getvalue(), "b", "application/octet-stream")
    assert (again.status_code, again.json()) == (201, first.json())
    assert [stored.author for stored in served.service.store.packs(0, 10)] == ["data-pack", "local"]
    told = [record.event for record in served.service.store.read() if record.event.action == "data-packs.create"]
    assert [event.subject for event in told] == [f"data-packs/{pack.digest}"]


def test_the_default_pack_comes_first_and_pages_hold_each_once(serve_on, store_url, tmp_path):
    served = serve_on(store_url, data=other(tmp_path / "default", "The default").folder, organisation="BLMK")
    packs = [other(tmp_path / str(n), f"Pack {n}") for n in range(3)]
    default = served.service.packs.default
    for pack in [*packs[:2], default, packs[2]]:  # the default is kept for later, and not told twice
        sent(served, pack, pack.digest[:8])
    for limit in (1, 2, 3, 100):
        digests, path = [], f"/v1/data-packs?limit={limit}"
        while path:
            answer = served.client.get(path)
            digests += [item["digest"] for item in answer.json()["items"]]
            assert all("files" not in item for item in answer.json()["items"])
            path = answer.headers.get("link", "").partition(">")[0].removeprefix("<")
            assert bool(path) == (answer.json()["next"] is not None)
        assert digests == [default.digest, *(pack.digest for pack in packs)]


def test_by_id_comes_the_newest_and_by_digest_the_one(served, tmp_path):
    shipped = served.client.get("/v1/data-packs/blmk").json()
    assert (shipped["is_default"], shipped["author"], shipped["created"]) == (True, "data-pack", None)
    one, two = (sent(served, other(tmp_path / title, title), title) for title in ("One", "Two"))
    assert served.client.get("/v1/data-packs/blmk").json() == two
    assert served.client.get(one["href"]).json() == one
    assert served.client.get(shipped["href"]).json() == shipped


def test_the_archive_of_the_default_pack_can_be_sent_back(served):
    shipped = served.client.get("/v1/data-packs/blmk").json()
    archive = served.client.get(shipped["archive"]).content
    answer = send(served, archive)
    assert (answer.status_code, answer.json()) == (201, shipped)


def test_a_pack_with_faults_leaves_nothing(served, tmp_path, temporary):
    pack = other(tmp_path / "pack", "Small")
    (pack.folder / "problems").mkdir()
    (pack.folder / "problems" / "evil.toml").write_text('activity_file = "../../../etc/passwd"\n')
    buffer = io.BytesIO(archive_of(pack))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("../evil.txt", "x")
    answer = send(served, buffer.getvalue())
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (422, "urn:capitation:problem:invalid-document")
    assert [fault["where"] for fault in problem["faults"]] == ["../evil.txt", "problems/evil.toml: activity_file"]
    assert str(temporary) not in answer.text
    assert [stored.author for stored in served.service.store.packs(0, 10)] == ["data-pack"]
    assert list(temporary.iterdir()) == []
    assert not served.service.packs.folder.exists()
    corrected = other(tmp_path / "corrected", "Small")
    assert send(served, archive_of(corrected)).status_code == 201  # a refused request keeps no key


def test_faults_of_the_checks_have_paths_inside_the_pack(served, tmp_path, temporary):
    pack = other(tmp_path / "pack", "Small")
    (pack.folder / "sources" / "blmk-stp-2016" / "more.csv").write_text("row,column,value,unit,locator\n")
    answer = send(served, archive_of(Pack(pack.folder)))
    assert answer.status_code == 422
    assert [fault["where"] for fault in answer.json()["faults"]] == ["sources/blmk-stp-2016/more.csv"]
    assert str(temporary) not in answer.text


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (lambda text: text.replace("debit_account", "debit_acount", 1), "debit_account"),
        (lambda text: text.replace("provider_allocation,pays", "provider_allocations,pays", 1), "provider_allocation"),
    ],
)
def test_a_mapping_of_account_codes_that_no_journal_could_use_is_refused_at_upload(
    served, copied, tmp_path, changed, says
):
    text = (copied / "journals" / "accounts.csv").read_text(encoding="utf-8")
    assert changed(text) != text
    pack = other(tmp_path / "pack", "Small")
    (pack.folder / "journals").mkdir()
    (pack.folder / "journals" / "accounts.csv").write_text(changed(text), encoding="utf-8")
    answer = send(served, archive_of(Pack(pack.folder)))
    assert answer.status_code == 422, answer.text
    assert any("accounts.csv" in fault["where"] or "accounts" in fault["where"] for fault in answer.json()["faults"])
    assert says in answer.text


@pytest.mark.parametrize("media", ["application/json", "text/csv", ""])
def test_another_format_is_told(served, media):
    answer = send(served, b"{}", media=media)
    assert (answer.status_code, answer.json()["type"]) == (415, "urn:capitation:problem:unsupported-media-type")
    assert "application/zip" in answer.json()["detail"]


def test_a_key_is_needed(served):
    answer = served.client.post("/v1/data-packs", content=b"x", headers={"Content-Type": "application/zip"})
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:capitation:problem:idempotency-key-missing")


@pytest.mark.parametrize("path", ["nobody", "0" * 64, f"{'0' * 64}/archive"])
def test_an_unknown_pack_is_told(served, path):
    answer = served.client.get(f"/v1/data-packs/{path}")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:capitation:problem:unknown-name")
    assert "Known: blmk." in answer.json()["detail"]


def test_an_archive_is_asked_for_by_digest_only(served):
    assert served.client.get("/v1/data-packs/blmk/archive").status_code == 422


def test_the_description_says_what_is_sent_and_given(served):
    paths = served.client.get("/openapi.json").json()["paths"]
    sent_as = paths["/v1/data-packs"]["post"]["requestBody"]["content"]
    assert list(sent_as) == ["application/zip"]
    assert list(paths["/v1/data-packs/{digest}/archive"]["get"]["responses"]["200"]["content"]) == ["application/zip"]


def test_a_run_of_an_older_shipped_pack_is_explained_after_the_service_has_a_newer_one(serve, store_url, tmp_path):
    old = serve()
    run = old.ask("/v1/runs", {"scenario": "blmk"})["result"].rpartition("/")[2]
    folder = tmp_path / "newer"
    put_together(old.service.pack.folder, folder)
    text = (folder / "pack.toml").read_text()
    (folder / "pack.toml").write_text(text.replace('version = "1"', 'version = "2"'))
    new = serve(data=folder)
    assert new.service.pack.digest != old.service.pack.digest
    path = f"/v1/figures/{run}/allocation/allocation_pence"
    query = "?where=year=2018/19&where=stream=ccg&where=level=system&where=code=BLMK"
    assert new.client.get(path + query).json()["value"] == old.client.get(path + query).json()["value"]
    listed = new.client.get("/v1/data-packs").json()["items"]
    assert [pack["digest"] for pack in listed] == [new.service.pack.digest, old.service.pack.digest]
    assert new.client.get("/v1/data-packs/blmk").json()["digest"] == new.service.pack.digest
