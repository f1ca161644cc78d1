"""Routes on their way out say so: since when, until when, what to use instead; and never in less than twelve months."""

import datetime as dt
from email.utils import parsedate_to_datetime

import pytest
from fastapi import APIRouter, FastAPI, Response
from starlette.testclient import TestClient

from api.service.http.deprecation import deprecated


@pytest.fixture
def client():
    old = APIRouter(route_class=deprecated(dt.date(2027, 1, 1), dt.date(2028, 1, 1), "/v2/new"))

    @old.get("/v1/old")
    def model() -> dict[str, str]:
        return {"a": "b"}

    @old.get("/v1/bytes")
    def whole() -> Response:
        return Response(b"x", headers={"Link": '</v1/bytes?cursor=1>; rel="next"'})

    app = FastAPI()
    app.include_router(old)

    @app.get("/v1/new")
    def new() -> None:
        return None

    return TestClient(app)


@pytest.mark.parametrize("path", ["/v1/old", "/v1/bytes"])
def test_every_answer_of_a_deprecated_route_says_since_when_until_when_and_what_instead(client, path):
    answer = client.get(path)
    assert int(answer.headers["deprecation"].removeprefix("@")) == dt.datetime(2027, 1, 1, tzinfo=dt.UTC).timestamp()
    assert parsedate_to_datetime(answer.headers["sunset"]) == dt.datetime(2028, 1, 1, tzinfo=dt.UTC)
    assert '</v2/new>; rel="successor-version"' in answer.headers["link"]
    assert answer.headers["link"].count("rel=") == (2 if path == "/v1/bytes" else 1)


def test_the_description_marks_them_and_no_other(client):
    paths = client.get("/openapi.json").json()["paths"]
    assert paths["/v1/old"]["get"]["deprecated"] is True
    assert "deprecated" not in paths["/v1/new"]["get"]
    assert "sunset" not in client.get("/v1/new").headers


def test_less_than_twelve_months_is_refused():
    with pytest.raises(ValueError, match="365 days"):
        deprecated(dt.date(2027, 1, 1), dt.date(2027, 12, 31), "/v2/new")
