"""Keys and tokens: the good pass, each kind of bad is refused for its own reason, and no secret is ever repeated."""

import base64
import datetime as dt
import hashlib
import hmac
import json
import logging
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, HTTPServer

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from api.service.security.access import ROLE_SCOPES, ROLES, SCOPES
from api.service.security.callers import caller_of
from api.service.security.proofs.api_keys import KeyRequestError, caller_of_key, issue_key
from api.service.security.proofs.credentials import AuthenticationError, masked
from api.service.security.proofs.tokens import KeySet, KeySetError, TokenRules, caller_of_token, key_set, parse_key_set

NOW = dt.datetime(2026, 4, 1, 12, tzinfo=dt.UTC)
RULES = TokenRules(issuer="https://issuer.example", audience="capitation")
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
WEAK = rsa.generate_private_key(public_exponent=65537, key_size=1024)
CURVE = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())
PRIVATE = {"rsa-1": (RSA, "RS256"), "ec-1": (CURVE, "ES256")}


def public(private, key_id, **more):
    kind = jwt.algorithms.RSAAlgorithm if isinstance(private, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return {**kind.to_jwk(private.public_key(), as_dict=True), "kid": key_id, **more}


def published(*entries):
    return json.dumps({"keys": list(entries)}).encode()


GOOD = published(public(RSA, "rsa-1", use="sig"), public(CURVE, "ec-1", alg="ES256"))


def keys(content=GOOD):
    return KeySet("keys.json", lambda: content)


def claims(**changes):
    now = int(time.time())
    base = {
        "iss": RULES.issuer,
        "aud": RULES.audience,
        "sub": "ledger-client",
        "iat": now,
        "exp": now + 600,
        "organisation": "BLMK",
        "role": "finance",
        "scope": "run:read journal:export other:thing",
    }
    return {name: value for name, value in {**base, **changes}.items() if value is not None}


def token(key_id="ec-1", headers=None, **changes):
    private, algorithm = PRIVATE[key_id]
    return jwt.encode(claims(**changes), private, algorithm=algorithm, headers={"kid": key_id, **(headers or {})})


def refused(text, rules=RULES, found=None):
    with pytest.raises(AuthenticationError) as error:
        caller_of_token(text, rules, found or keys())
    assert text not in str(error.value)
    return error.value


def a_key(role="analyst", lives=None):
    return issue_key("anna", "BLMK", role, ROLE_SCOPES[role], now=NOW, lives=lives)


def finder(*records):
    return {record.key_id: record for record in records}.get


@pytest.mark.parametrize("role", ROLES)
def test_a_key_finds_who_holds_it(role):
    issued = a_key(role)
    caller = caller_of_key(issued.text.get_secret_value(), finder(issued.record), NOW)
    assert (caller.subject, caller.organisation, caller.role) == ("anna", "BLMK", role)
    assert caller.scopes == ROLE_SCOPES[role]
    assert (caller.means, caller.credential) == ("key", issued.record.key_id)


def test_the_key_is_kept_nowhere():
    issued = a_key()
    text = issued.text.get_secret_value()
    secret = text.split("_", 2)[2]
    kept = issued.record.model_dump_json()
    assert secret not in kept
    assert issued.record.sha256 in kept  # the store keeps it; nothing prints it
    for shown in (repr(issued), str(issued), repr(issued.record), str(issued.record)):
        assert secret not in shown
        assert issued.record.sha256 not in shown


def test_two_keys_are_never_the_same():
    texts = {a_key().text.get_secret_value() for _ in range(200)}
    assert len(texts) == 200


def test_a_wrong_secret_and_an_unknown_id_read_alike():
    issued, other = a_key(), a_key()
    good = issued.text.get_secret_value()
    wrong = good[:-1] + ("A" if good[-1] != "A" else "B")
    messages = set()
    for text, find in ((wrong, finder(issued.record)), (good, finder(other.record)), (good, finder())):
        with pytest.raises(AuthenticationError) as error:
            caller_of_key(text, find, NOW)
        messages.add((error.value.code, str(error.value)))
    assert len(messages) == 1
    assert messages.pop()[0] == "key-unknown"


@given(st.integers(0, 63), st.characters(codec="ascii"))
def test_a_key_with_one_character_changed_is_refused(place, letter):
    issued = a_key()
    good = issued.text.get_secret_value()
    changed = good[:place] + letter + good[place + 1 :]
    if changed == good:
        return
    with pytest.raises(AuthenticationError) as error:
        caller_of_key(changed, finder(issued.record), NOW)
    assert error.value.code in {"key-unknown", "key-malformed"}


def test_a_key_ends_and_can_be_taken_back():
    issued = a_key(lives=dt.timedelta(days=90))
    text = issued.text.get_secret_value()
    end = NOW + dt.timedelta(days=90)
    assert caller_of_key(text, finder(issued.record), end - dt.timedelta(seconds=1)).subject == "anna"
    with pytest.raises(AuthenticationError, match="ended on 2026-06-30 12:00 UTC") as error:
        caller_of_key(text, finder(issued.record), end)
    assert error.value.code == "key-expired"
    back = issued.record.model_copy(update={"revoked": NOW})
    with pytest.raises(AuthenticationError, match="revoked on 2026-04-01") as error:
        caller_of_key(text, finder(back), NOW)
    assert error.value.code == "key-revoked"


def test_a_key_that_asks_for_too_much_is_not_issued_and_all_faults_are_told():
    with pytest.raises(KeyRequestError) as error:
        issue_key(" ", "BLMK", "analyst", ["approve", "run:raed"], now=NOW)
    assert [fault.where for fault in error.value.faults] == ["scopes", "scopes", "subject"]
    assert "Did you mean 'run:read'" in str(error.value)
    with pytest.raises(KeyRequestError, match="found none; expected at least one"):
        issue_key("anna", "BLMK", "analyst", [], now=NOW)
    with pytest.raises(KeyRequestError, match="Did you mean 'analyst'"):
        issue_key("anna", "BLMK", "analist", ["run:read"], now=NOW)


@pytest.mark.parametrize("key_id", PRIVATE)
@pytest.mark.parametrize("kind", ["JWT", "at+jwt", "application/at+jwt"])
def test_a_token_of_either_algorithm_finds_its_client(key_id, kind):
    caller = caller_of_token(token(key_id, {"typ": kind}, jti="t-1"), RULES, keys())
    assert (caller.subject, caller.organisation, caller.role) == ("ledger-client", "BLMK", "finance")
    assert caller.scopes == {"run:read", "journal:export"}
    assert (caller.means, caller.credential) == ("token", "t-1")


def test_scopes_may_come_as_a_list_and_may_be_none_of_ours():
    assert caller_of_token(token(scope=None, scp=["run:read", 7]), RULES, keys()).scopes == {"run:read"}
    assert caller_of_token(token(scope="other:thing"), RULES, keys()).scopes == frozenset()
    assert caller_of_token(token(scope=None), RULES, keys()).scopes == frozenset()


NOW_SECONDS = int(time.time())


def bad_claims(now):
    """Claims and the code each is refused with at a moment; none where they pass."""
    return [
        ({"exp": now - 120, "iat": now - 300}, "token-expired"),
        ({"exp": None}, "token-claims"),
        ({"iat": None}, "token-claims"),
        ({"sub": None}, "token-claims"),
        ({"sub": " "}, "token-claims"),
        ({"aud": None}, "token-claims"),
        ({"iss": None}, "token-claims"),
        ({"aud": "someone-else"}, "token-audience"),
        ({"aud": ["x", "y"]}, "token-audience"),
        ({"iss": "https://issuer.example/"}, "token-issuer"),
        ({"nbf": now + 3_000}, "token-early"),
        ({"iat": now + 3_000, "exp": now + 3_600}, "token-early"),
        ({"exp": now + 90_000}, "token-life"),
        ({"exp": "tomorrow"}, "token-malformed"),
        ({"exp": 10**400}, "token-life"),
        ({"exp": float("inf")}, "token-malformed"),
        ({"exp": str(now + 300)}, "token-claims"),
        ({"exp": now + 300.5}, None),
        ({"iat": str(now)}, "token-claims"),
        ({"iat": True}, "token-claims"),
        ({"nbf": str(now)}, "token-claims"),
        ({"nbf": False}, "token-claims"),
        ({"role": "owner"}, "token-role"),
        ({"role": None}, "token-role"),
        ({"organisation": None}, "token-organisation"),
        ({"organisation": 7}, "token-organisation"),
        ({"organisation": ["BLMK"]}, None),
        ({"organisation": ["BLMK", "06F"]}, "token-organisation"),
        ({"role": ["finance", "offline_access"]}, None),
        ({"role": ["finance", "analyst"]}, "token-role"),
        ({"role": [["finance"], {"finance": 1}, 7]}, "token-role"),
        ({"role": {"finance": True}}, "token-role"),
        ({"act": {"sub": "eve"}}, "token-delegated"),
        ({"act": None}, None),
        ({"scope": 7}, "token-claims"),
        ({"scope": {"run:read": True}}, "token-claims"),
        ({"scope": True}, "token-claims"),
        ({"scope": [["run:read"]]}, None),
        ({"sub": 7}, "token-malformed"),
        ({"sub": ["ledger-client"]}, "token-malformed"),
        ({"jti": 7}, "token-malformed"),
        ({"iat": [now]}, "token-early"),
        ({"nbf": {}}, "token-malformed"),
        ({"exp": [now]}, "token-malformed"),
    ]


@pytest.mark.parametrize("number", range(len(bad_claims(0))), ids=[f"{c} {list(b)}" for b, c in bad_claims(0)])
def test_each_bad_claim_is_refused_for_its_own_reason(number):
    changes, code = bad_claims(int(time.time()))[number]
    text = token(**changes)
    if code is None:
        assert caller_of_token(text, RULES, keys()).subject == "ledger-client"
    else:
        assert refused(text).code == code


@pytest.mark.parametrize("twice", ["role", "sub", "exp"])
def test_a_claim_that_is_named_twice_is_refused_whichever_a_reader_would_take(twice):
    now = int(time.time())
    other = {"role": '"administrator"', "sub": '"eve"', "exp": str(now + 60)}[twice]
    content = json.dumps(claims())[:-1] + f', "{twice}": {other}}}'
    text = jwt.PyJWS().encode(content.encode(), CURVE, "ES256", headers={"kid": "ec-1", "typ": "JWT"})
    assert refused(text).code == "token-claims"


def test_a_token_within_the_leeway_passes_and_beyond_it_does_not():
    now = int(time.time())
    assert caller_of_token(token(iat=now - 300, exp=now - 10), RULES, keys()).subject == "ledger-client"
    strict = RULES.model_copy(update={"leeway_seconds": 0})
    assert refused(token(iat=now - 300, exp=now - 10), strict).code == "token-expired"


def part(content):
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def test_the_algorithm_is_pinned_to_the_key():
    assert refused(f"{part({'alg': 'none', 'typ': 'JWT', 'kid': 'ec-1'})}.{part(claims())}.").code == "token-algorithm"
    pem = RSA.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )  # the old attack: the public key used as a shared secret
    head = f"{part({'alg': 'HS256', 'typ': 'JWT', 'kid': 'rsa-1'})}.{part(claims())}"
    sign = base64.urlsafe_b64encode(hmac.new(pem, head.encode(), hashlib.sha256).digest()).rstrip(b"=").decode()
    assert refused(f"{head}.{sign}").code == "token-algorithm"
    assert refused(jwt.encode(claims(), RSA, algorithm="RS512", headers={"kid": "rsa-1"})).code == "token-algorithm"
    assert refused(jwt.encode(claims(), RSA, algorithm="RS256", headers={"kid": "ec-1"})).code == "token-algorithm"
    only_curve = RULES.model_copy(update={"algorithms": ("ES256",)})
    assert refused(token("rsa-1"), only_curve).code == "token-algorithm"


def test_a_signature_by_another_key_or_a_changed_claim_does_not_hold():
    assert refused(jwt.encode(claims(), OTHER, algorithm="ES256", headers={"kid": "ec-1"})).code == "token-signature"
    head, _, sign = token().split(".")
    assert refused(f"{head}.{part(claims(role='administrator'))}.{sign}").code == "token-signature"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "token-malformed"),
        ("abc", "token-malformed"),
        ("a.b.c", "token-malformed"),
        ("é.ü.ö", "token-malformed"),
        (".".join([part([]), part({}), "x"]), "token-malformed"),
        ("e" * 9_000, "token-long"),
    ],
)
def test_what_is_no_token_is_refused(text, code):
    with pytest.raises(AuthenticationError) as error:
        caller_of_token(text, RULES, keys())
    assert error.value.code == code


@given(st.text(max_size=60))
def test_no_text_brings_anything_but_a_refusal(text):
    with pytest.raises(AuthenticationError):
        caller_of(f"Bearer {text}", None, find=finder(), now=NOW, rules=RULES, keys=keys())
    with pytest.raises(AuthenticationError):
        caller_of_token(text, RULES, keys())


def test_another_kind_of_token_and_one_that_names_no_key_are_refused():
    assert refused(token(headers={"typ": "secevent+jwt"})).code == "token-kind"
    assert refused(jwt.encode(claims(), CURVE, algorithm="ES256")).code == "token-key"
    assert refused(jwt.encode(claims(), CURVE, algorithm="ES256", headers={"kid": "gone"})).code == "token-key"


BAD_SETS = [
    (b"not json", "expected JSON with a list 'keys'"),
    (b"[]", "expected JSON with a list 'keys'"),
    (published(), "found no key for RS256 or ES256"),
    (published(public(RSA, "r", use="enc")), "found no key for RS256 or ES256"),
    (published(public(RSA, "r", alg="RS512")), "found no key for RS256 or ES256"),
    (published(public(WEAK, "w")), "an RSA key of 1024 bits; expected at least 2048"),
    (published({"kty": "oct", "k": "c2VjcmV0", "kid": "s"}), "a private or shared key; expected public keys only"),
    (published({**public(CURVE, "p"), "d": "AAAA"}), "a private or shared key"),
    (published(public(RSA, "r"), public(CURVE, "r")), "id 'r' a second time"),
    (published({**public(RSA, "r"), "kid": None}), "no 'kid'"),
    (published({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "e"}), "numbers that make no key"),
]


@pytest.mark.parametrize(("content", "says"), BAD_SETS, ids=[says for _, says in BAD_SETS])
def test_a_key_set_that_cannot_be_relied_on_is_refused(content, says):
    with pytest.raises(KeySetError, match=r"keys\.json") as error:
        parse_key_set(content, "keys.json")
    assert says in str(error.value)


def test_a_key_set_is_read_from_a_file(tmp_path):
    path = tmp_path / "keys.json"
    path.write_bytes(GOOD)
    assert caller_of_token(token(), RULES, key_set(str(path))).subject == "ledger-client"
    with pytest.raises(KeySetError, match=r"none\.json: the key set cannot be read \(FileNotFoundError\)"):
        caller_of_token(token(), RULES, key_set(str(tmp_path / "none.json")))


@pytest.fixture
def server():
    answers = {"/keys": (200, GOOD), "/gone": (404, b""), "/moved": (302, b""), "/large": (200, b" " * 1_000_100)}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, content = answers[self.path]
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/keys")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_a_key_set_is_read_from_an_address_and_follows_no_redirection(server):
    assert caller_of_token(token(), RULES, key_set(f"{server}/keys")).subject == "ledger-client"
    for path, says in (("gone", "cannot be read"), ("moved", "cannot be read"), ("large", "more than 1,000,000 bytes")):
        with pytest.raises(KeySetError, match=says):
            caller_of_token(token(), RULES, key_set(f"{server}/{path}"))


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("http://issuer.example/keys", "expected https"),
        ("ftp://issuer.example/keys", "kind 'ftp'"),
        ("https://user:hunter2@issuer.example/keys", "with a user or password in it"),
    ],
)
def test_an_address_that_anyone_between_could_change_is_refused(where, says):
    with pytest.raises(KeySetError, match=says) as error:
        key_set(where)
    assert "hunter2" not in str(error.value)


class Issuer:
    """A key set whose content and reachability the test sets, with a clock it moves."""

    def __init__(self):
        self.content, self.reads, self.now = GOOD, 0, 1_000.0
        self.keys = KeySet("keys", self.load, clock=lambda: self.now)

    def load(self):
        self.reads += 1
        if self.content is None:
            raise OSError
        return self.content


def test_a_new_key_is_found_once_the_issuer_publishes_it_without_asking_too_often():
    issuer = Issuer()
    issuer.content = published(public(RSA, "rsa-1"))
    issuer.keys.find("rsa-1")
    for _ in range(50):
        with pytest.raises(AuthenticationError):
            issuer.keys.find("ec-1")
    assert issuer.reads == 1
    issuer.content = GOOD
    issuer.now += 31
    assert issuer.keys.find("ec-1").algorithm == "ES256"
    assert issuer.reads == 2


def test_a_key_that_was_withdrawn_is_refused_after_the_lifespan():
    issuer = Issuer()
    issuer.keys.find("ec-1")
    issuer.content = published(public(RSA, "rsa-1"))
    issuer.now += 299
    issuer.keys.find("ec-1")
    issuer.now += 2
    with pytest.raises(AuthenticationError):
        issuer.keys.find("ec-1")


@pytest.mark.parametrize("content", [None, b"not json"])
def test_an_issuer_that_is_away_is_borne_for_an_hour_and_then_told(content):
    issuer = Issuer()
    issuer.keys.find("ec-1")
    issuer.content = content
    issuer.now += 301
    issuer.keys.find("ec-1")
    issuer.now += 3_600
    for _ in range(20):
        with pytest.raises(KeySetError, match="keys: "):
            issuer.keys.find("ec-1")
    assert issuer.reads == 3
    issuer.content = GOOD
    issuer.now += 1
    issuer.keys.find("ec-1")


def test_the_headers_say_who_is_asking():
    issued = a_key()
    text = issued.text.get_secret_value()
    ask = {"find": finder(issued.record), "now": NOW, "rules": RULES, "keys": keys()}
    assert caller_of(f"Bearer {text}", None, **ask).means == "key"
    assert caller_of(f"bearer  {text} ", None, **ask).means == "key"
    assert caller_of(None, text, **ask).means == "key"
    assert caller_of(f"Bearer {token()}", None, **ask).means == "token"
    for headers, code in (
        ((None, None), "no-credential"),
        (("", ""), "no-credential"),
        ((f"Bearer {text}", text), "two-credentials"),
        (("Basic dTpw", None), "scheme"),
        (("Bearer ", None), "scheme"),
    ):
        with pytest.raises(AuthenticationError) as error:
            caller_of(*headers, **ask)
        assert error.value.code == code
        assert error.value.headers["WWW-Authenticate"].startswith("Bearer")
    with pytest.raises(AuthenticationError) as error:
        caller_of(f"Bearer {token()}", None, find=finder(), now=NOW)
    assert error.value.code == "tokens-not-taken"


def test_no_refusal_repeats_a_secret_in_message_traceback_or_log(caplog):
    issued = a_key()
    key = issued.text.get_secret_value()
    good, secret = token(), key.split("_", 2)[2]
    sent = [key[:-1] + "!", key, good[:-3] + "abc", token(exp=NOW_SECONDS - 500, iat=NOW_SECONDS - 900), "Basic " + key]
    for text in sent:
        with caplog.at_level(logging.DEBUG), pytest.raises(AuthenticationError) as error:
            caller_of(f"Bearer {text}", None, find=finder(), now=NOW, rules=RULES, keys=keys())
        shown = "".join(traceback.format_exception(error.value)) + repr(error.value) + caplog.text
        assert secret not in shown
        assert text not in shown
        assert good.split(".")[2][:20] not in shown
    assert repr(RSA) not in repr(keys())
    found = keys()
    found.find("ec-1")
    assert "ec-1" not in repr(found)


@given(st.text(max_size=30), st.text(max_size=30), st.sampled_from(["key", "token", "bearer", "address"]))
def test_logs_never_show_a_secret_wherever_it_stands(before, after, kind):
    key = a_key().text.get_secret_value()
    secret = key.split("_", 2)[2]
    text, hidden = {
        "key": (key, secret),
        "token": (FIXED, FIXED.split(".")[2]),
        "bearer": ("Authorization: Bearer opaque-s3cret", "opaque-s3cret"),
        "address": ("postgresql://app:hunter2@db/capitation", "hunter2"),
    }[kind]
    assert hidden not in masked(f"{before} {text} {after}")


def test_what_is_no_secret_is_left_as_it_is():
    plain = "run f10e0a9b83f73e51 approved by ben@blmk.example at 2026-04-01T12:00:00Z, see https://x.example/a:b"
    assert masked(plain) == plain
    assert masked("key cap_0123456789abcdef of anna") == "key cap_0123456789abcdef of anna"


FIXED = token()


def test_scopes_are_those_of_the_published_list():
    assert SCOPES == ("run:read", "run:write", "approve", "journal:export", "admin")


WRONG = st.one_of(
    st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.none(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.none(), max_size=2),
)  # fmt: skip


@given(
    st.sampled_from(["iss", "aud", "sub", "iat", "exp", "nbf", "jti", "organisation", "role", "scope", "scp"]), WRONG
)
def test_a_claim_of_any_type_is_taken_or_refused_and_never_a_fault_of_the_service(name, value):
    changes = {name: value, **({"scope": None} if name == "scp" else {})}
    content = json.dumps({**claims(**changes), name: value}).encode()
    text = jwt.PyJWS().encode(content, CURVE, algorithm="ES256", headers={"kid": "ec-1", "typ": "JWT"})
    codes = set()
    try:
        codes.add(caller_of_token(text, RULES, keys()).role)
    except AuthenticationError as error:
        codes.add(error.code.partition("-")[0])
    assert codes <= {"token", *ROLES}
    assert codes


def test_roles_come_under_the_issuers_words_and_from_within_claims():
    rules = RULES.model_copy(
        update={
            "role_claim": "realm_access.roles",
            "organisation_claim": "https://x.example/org",
            "roles": {"cap-money": "finance"},
        }
    )
    made = {"organisation": None, "role": None, "https://x.example/org": "BLMK"}
    for words in (["cap-money", "uma_authorization"], ["finance"], ["cap-money", "finance"], "cap-money"):
        assert caller_of_token(token(**made, realm_access={"roles": words}), rules, keys()).role == "finance"
    for wrong in ({"roles": []}, {"roles": ["cap-money", "analyst"]}, {}, [], "roles", None):
        assert refused(token(**made, realm_access=wrong), rules).code == "token-role"
    with pytest.raises(ValueError, match="stands for 'king'"):
        TokenRules(issuer="i", audience="a", roles={"x": "king"})


def test_how_long_a_token_may_live_can_be_set():
    longer = RULES.model_copy(update={"longest_life_seconds": 86_400})
    day = token(exp=NOW_SECONDS + 80_000)
    assert refused(day).code == "token-life"
    assert caller_of_token(day, longer, keys()).subject == "ledger-client"


def test_keys_for_others_in_the_set_make_no_difference():
    others = [
        public(WEAK, "weak"),
        {**public(OTHER, "x"), "kid": None},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "broken"},
        {"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "other"},
        "nonsense",
    ]
    found = parse_key_set(published(*others, public(CURVE, "ec-1")), "keys.json")
    assert list(found) == ["ec-1"]
