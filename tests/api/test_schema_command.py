"""`capitation schema`: every field of every document is described."""

import json

import pytest

from api.schemas import DOCUMENTS


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_every_field_is_described(capitation, name):
    schema = json.loads(capitation("schema", name).out)
    objects = [schema, *schema.get("$defs", {}).values()]
    bare = [f"{o['title']}.{k}" for o in objects for k, p in o.get("properties", {}).items() if "description" not in p]
    assert bare == []
    assert all(o.get("additionalProperties") is False for o in objects if "properties" in o)


def test_an_unknown_document_suggests_the_near_one(capitation):
    answer = capitation("schema", "scenarios")
    assert (answer.code, "'scenario'" in answer.err) == (2, True)
