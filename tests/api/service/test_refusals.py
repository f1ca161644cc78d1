"""Refused changes are recorded with their number and cannot flood the audit log."""

from api.service.security.refusals import EVERY_SECONDS, Refusals


def test_refusals_of_one_caller_are_recorded_once_a_minute_with_their_number():
    now = [0.0]
    refusals = Refusals(lambda: now[0])
    assert refusals.to_record("BLMK/ann", "role") == 1
    assert [refusals.to_record("BLMK/ann", "role") for _ in range(90)] == [None] * 90
    assert refusals.to_record("BLMK/ann", "scope") == 1
    assert refusals.to_record("BLMK/ben", "role") == 1
    now[0] += EVERY_SECONDS
    assert refusals.to_record("BLMK/ann", "role") == 91
    assert refusals.to_record("BLMK/ann", "role") is None


def test_a_flood_of_refused_requests_leaves_one_record_and_the_chain_holds(served):
    partner = served.headers("partner", "04F")
    before = served.service.store.head().number
    for number in range(30):
        answer = served.client.post(
            "/v1/runs", json={"scenario": "blmk"}, headers={**partner, "Idempotency-Key": str(number)}
        )
        assert answer.status_code == 403
    assert served.service.store.head().number == before + 1


def test_a_key_or_token_is_not_said_again_wherever_it_was_put(served):
    key = served.headers("analyst")["X-API-Key"]
    token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
    for secret in (key, token):
        headers = {"X-API-Key": key, "Idempotency-Key": "a"}
        asked = [
            served.client.get(f"/v1/runs/{secret}", headers=headers),
            served.client.get(f"/v1/scenarios?limit={secret}", headers=headers),
            served.client.get(f"/v1/scenarios?{secret}=1", headers=headers),
            served.client.get(f"/v1/scenarios/{secret}", headers=headers),
            served.client.post("/v1/runs", json={"scenario": f"{secret}!"}, headers=headers),
            served.client.post("/v1/runs", json={secret: 1}, headers=headers),
        ]
        for answer in asked:
            assert answer.status_code in {404, 422}, answer.text
            assert secret not in answer.text, answer.request.url
