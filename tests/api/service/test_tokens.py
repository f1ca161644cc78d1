"""OAuth2 access tokens at the door: a client with a signed token of the issuer enters, and nobody else."""

import json
import logging
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from api.service.http.access_log import JsonLines

ISSUER, AUDIENCE = "https://issuer.example", "capitation"
RSA = rsa.generate_private_key(65_537, 2_048)
ELLIPTIC = ec.generate_private_key(ec.SECP256R1())
ALGORITHMS = {"RS256": (RSA, jwt.algorithms.RSAAlgorithm), "ES256": (ELLIPTIC, jwt.algorithms.ECAlgorithm)}


@pytest.fixture
def keys(tmp_path):
    """File with the issuer's public keys."""
    entries = [
        {**json.loads(kind.to_jwk(key.public_key())), "kid": name, "use": "sig", "alg": name}
        for name, (key, kind) in ALGORITHMS.items()
    ]
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": entries}))
    return path


@pytest.fixture
def guarded(serve, keys):
    """A service that takes tokens of the issuer."""
    return serve(token_issuer=ISSUER, token_audience=AUDIENCE, token_keys=str(keys), key_seconds=0)


def token(algorithm="RS256", key=None, **claims):
    now = int(time.time())
    content = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "ledger",
        "iat": now,
        "exp": now + 300,
        "organisation": "BLMK",
        "role": "finance",
        "scope": "run:read journal:export other:thing",
        **claims,
    }
    return jwt.encode(content, key or ALGORITHMS[algorithm][0], algorithm, headers={"kid": algorithm})


def get(served, text, path="/v1/journals"):
    return served.client.get(path, headers={"Authorization": f"Bearer {text}"})


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
def test_a_client_with_a_signed_token_enters_as_what_the_token_says(guarded, algorithm):
    assert get(guarded, token(algorithm)).status_code == 200
    assert get(guarded, token(algorithm), "/v1/keys").status_code == 403
    assert get(guarded, token(algorithm, organisation="06F")).status_code == 403
    assert get(guarded, token(algorithm, scope="run:read")).json()["code"] == "scope"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"exp": 1, "iat": 0}, "token-expired"),
        ({"aud": "another"}, "token-audience"),
        ({"iss": "https://other.example"}, "token-issuer"),
        ({"role": "king"}, "token-role"),
        ({"organisation": ""}, "token-organisation"),
        ({"sub": "x" * 201}, "token-claims"),
        ({"key": rsa.generate_private_key(65_537, 2_048)}, "token-signature"),
    ],
)
def test_a_token_that_is_not_good_is_refused_with_its_code(guarded, change, code):
    answer = get(guarded, token(**change))
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


def test_with_an_issuer_there_is_no_local_access(guarded):
    assert guarded.client.get("/v1/scenarios").status_code == 401


def test_while_the_issuers_keys_cannot_be_had_no_token_is_taken_and_the_answer_says_so(serve, tmp_path):
    served = serve(token_issuer=ISSUER, token_keys=str(tmp_path / "not-there.json"))
    answer = get(served, token())
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:capitation:problem:keys-unavailable")
    assert answer.headers["retry-after"] == "1"


def test_what_a_client_does_with_a_token_is_told_under_its_subject(guarded):
    analyst = token(sub="planner", role="analyst", scope="run:read run:write")
    headers = {"Authorization": f"Bearer {analyst}", "Idempotency-Key": "k"}
    assert guarded.client.post("/v1/runs", json={"scenario": "blmk"}, headers=headers).status_code == 202
    (record,) = guarded.service.store.audit_records(0, 10)
    assert (record.event.actor, record.event.organisation) == ("planner", "BLMK")


def test_the_settings_say_how_long_a_token_may_live_and_what_the_issuers_roles_mean(serve, keys):
    settings = {"token_issuer": ISSUER, "token_keys": str(keys), "key_seconds": 0}
    served = serve(
        **settings, token_life_seconds=86_400, token_roles={"cap-money": "finance"}, token_role_claim="roles"
    )
    now = int(time.time())
    assert get(served, token(exp=now + 80_000, roles=["cap-money", "x"])).status_code == 200
    assert get(served, token(exp=now + 90_000, roles=["cap-money"])).json()["code"] == "token-life"


@pytest.mark.parametrize("claims", [{"scope": 5}, {"role": [{}]}, {"organisation": {}}, {"sub": 5}, {"exp": [1]}])
def test_a_claim_of_a_wrong_type_is_401(guarded, claims):
    assert get(guarded, token(**claims)).status_code == 401


def test_keys_and_tokens_are_in_no_log_wherever_they_were_put(serve, caplog):
    served = serve()
    lines = JsonLines()
    key = served.headers("analyst")["X-API-Key"]
    signed = token()
    with caplog.at_level(logging.INFO, "capitation.service"):
        for secret in (key, signed, served.service.identity.local_token.path.read_text()):
            served.client.get(f"/v1/scenarios/{secret}", headers={"X-API-Key": key, "X-Correlation-ID": secret[:64]})
            served.client.put(f"/v1/keys/{secret}", headers={"X-API-Key": key, "X-Correlation-ID": secret[:64]})
            answer = served.client.get(f"/{secret}?key={secret}", headers={"Authorization": f"Bearer {secret}"})
            assert answer.headers["x-correlation-id"] not in secret
            served.client.get("/v1/jobs", headers={"X-API-Key": secret, "X-Correlation-ID": secret[10:50]})
    written = "\n".join(lines.format(record) for record in caplog.records)
    assert written.count('"milliseconds"') >= 12
    recorded = str(served.service.store.audit_records(0, 100))
    for secret in (key, signed):
        for part in (secret, secret[-30:]):
            assert part not in written
            assert part not in recorded
