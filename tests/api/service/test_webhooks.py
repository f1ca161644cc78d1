"""A signed message when a job has ended: by the rules of Standard Webhooks, to the address that is set and no other."""

import base64
import hashlib
import hmac
import json
import socket
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from api.service.jobs.worker import Worker
from api.service.records.addresses import answer_of
from api.service.runtime.webhooks import WAITS, Webhooks, signature
from api.service.settings import Settings
from api.service.store import Store
from tests.api.service.real_server import until

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


class Receiver:
    """Takes messages, after so many refusals."""

    def __init__(self, *statuses):
        self.statuses, self.taken = list(statuses), []

    def __call__(self, url, body, headers):
        status = self.statuses.pop(0) if self.statuses else 204
        self.taken.append((url, body, headers, status))
        return status


def test_a_signature_is_the_one_of_the_published_example():
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    assert signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


@pytest.fixture
def ended(store_url):
    """A store in which a job has ended, with somebody to send that to; its clock is moved by hand."""
    now = [1_522_245_602.0]
    store = Store(store_url, clock=lambda: now[0])
    store.migrate()
    store.now = now
    store.announces = True
    store.ask("0" * 32, "run", "{}", "ann")
    assert store.finish(store.claim("w", 60, 5), "w", "1" * 16, "{}", {})
    yield store
    store.close()


def sender(store, receiver, **more):
    return Webhooks("https://x.example/hook", SECRET, store, receiver, **more)


@pytest.mark.both_databases("messages are claimed and put off in the store")
def test_a_message_is_sent_again_under_the_same_id_until_it_is_taken(ended):
    receiver = Receiver(500, 0, 200)
    hooks = sender(ended, receiver)
    assert hooks.send_one()
    assert not hooks.send_one()  # it is not due again yet
    for wait in (5.0, 30.0):
        ended.now[0] += wait
        assert hooks.send_one()
    ended.now[0] += 86_400
    assert not hooks.send_one()
    assert ended.messages_waiting() == 0
    assert [status for *_, status in receiver.taken] == [500, 0, 200]
    assert len({headers["webhook-id"] for _, _, headers, _ in receiver.taken}) == 1
    _, body, headers, _ = receiver.taken[-1]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    made = base64.b64encode(hmac.new(b"k" * 32, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{made}"
    said = json.loads(body)
    assert (said["type"], said["data"]["result"]) == ("job.done", "/v1/runs/" + "1" * 16)


def test_a_receiver_that_wants_no_more_of_it_is_left_alone(ended):
    receiver = Receiver(410)
    assert sender(ended, receiver).send_one()
    assert (len(receiver.taken), ended.messages_waiting()) == (1, 0)


def test_a_message_that_nobody_takes_is_given_up_after_its_last_attempt(ended):
    receiver = Receiver(*[503] * 20)
    hooks = sender(ended, receiver)
    for wait in (0.0, *WAITS):
        ended.now[0] += wait
        assert hooks.send_one()
    assert (len(receiver.taken), ended.messages_waiting()) == (6, 0)


@pytest.mark.both_databases("messages are claimed and put off in the store")
def test_a_process_that_dies_while_it_sends_loses_nothing_and_two_send_nothing_twice(ended, store_url):
    class Killed(BaseException):
        pass

    def killed(*_):
        raise Killed

    with pytest.raises(Killed):
        sender(ended, killed).send_one()
    other = Store(store_url, clock=lambda: ended.now[0])
    receiver = Receiver()
    again = sender(other, receiver)
    assert not again.send_one()  # the other may still be at it
    ended.now[0] += 61
    assert again.send_one()
    assert not sender(ended, receiver).send_one()
    assert len(receiver.taken) == 1
    other.close()


def test_a_clock_that_jumped_puts_nothing_off_for_ever(ended):
    hooks = sender(ended, Receiver(500, 204))
    ended.now[0] += 10 * 365 * 86_400
    assert hooks.send_one()
    ended.now[0] -= 10 * 365 * 86_400
    assert hooks.send_one()
    assert ended.messages_waiting() == 0


@contextmanager
def answering(*parts, every=0.0):
    """The port of a receiver that answers each request with these bytes, one part after the other."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection, suppress(OSError):
                        connection.recv(65_536)
                        for part in parts:
                            connection.sendall(part)
                            time.sleep(every)

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"220 no such thing\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        OK + b"X: " + b"a" * 70_000 + b"\r\n\r\n",
        OK + b"X: a\r\n" * 200 + b"\r\n",
        b"\x15\x03\x01\x00\x02\x02(",
    ],
    ids=["nothing", "another protocol", "no status", "a long line", "many headers", "tls"],
)
def test_a_receiver_that_answers_nonsense_has_not_taken_it_and_is_given_up_like_others(ended, said):
    with answering(said) as port:
        hooks = Webhooks(f"http://127.0.0.1:{port}/hook", SECRET, ended, waits=(1.0,))
        assert hooks.send_one()
        ended.now[0] += 1
        assert hooks.send_one()
    assert ended.messages_waiting() == 0


def test_a_receiver_that_drips_its_answer_keeps_nobody_longer_than_it_may():
    began = time.monotonic()
    with (
        answering(OK, *[b"X: a\r\n"] * 50, every=0.1) as headers,
        answering(OK + b"Content-Length: 99\r\n\r\n", *[b"a"] * 50, every=0.1) as body,
    ):
        for port in (headers, body):
            with pytest.raises(OSError, match="in time"):
                answer_of(f"http://127.0.0.1:{port}/", seconds=0.3, most_bytes=99)
    assert time.monotonic() - began < 3


def test_what_is_sent_to_this_machine_goes_through_no_gate_and_no_redirection_is_followed(monkeypatch):
    with (
        answering(b"HTTP/1.1 299 Gate\r\n\r\n") as gate,
        answering(b"HTTP/1.1 204 No Content\r\n\r\n") as here,
        answering(f"HTTP/1.1 307 There\r\nLocation: http://127.0.0.1:{gate}/\r\n\r\n".encode()) as away,
    ):
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{gate}")
        monkeypatch.delenv("no_proxy", raising=False)
        assert answer_of(f"http://127.0.0.1:{here}/", b"{}", seconds=5, most_bytes=0) == (204, b"")
        assert answer_of(f"http://127.0.0.1:{away}/", b"{}", seconds=5, most_bytes=0) == (307, b"")


def test_nothing_is_kept_where_there_is_nobody_to_send_it_to(served):
    served.ask("/v1/optimisations", {"problem": "overlap_pair"})
    assert served.service.store.messages_waiting() == 0


def test_jobs_that_end_are_sent_to_a_server(serve):
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        served = serve(webhook_url=f"http://127.0.0.1:{running.server_port}/hook", webhook_secret=SECRET)
        first = served.client.post(
            "/v1/optimisations", json={"problem": "overlap_pair"}, headers={"Idempotency-Key": "a"}
        )
        worker = Worker(served.service.store, served.service.packs, served.service.settings)
        assert worker.work_once()
        until(lambda: len(got) == 1)
        second = served.client.post("/v1/runs", json={"scenario": "blmk"}, headers={"Idempotency-Key": "b"})
        for _ in range(2):  # cancelled once, and sent once
            served.client.delete(second.headers["location"])
        until(lambda: served.service.store.messages_waiting() == 0)
        running.shutdown()
        thread.join()
    done, cancelled = (json.loads(body) for _, body in got)
    assert (done["type"], done["data"]["href"]) == ("job.done", first.headers["location"])
    assert served.client.get(done["data"]["result"]).status_code == 200
    assert (cancelled["type"], cancelled["data"]["result"]) == ("job.cancelled", None)
    headers, body = got[0]
    names = {name.lower(): value for name, value in headers.items()}
    expected = signature(SECRET, names["webhook-id"], int(names["webhook-timestamp"]), body)
    assert names["webhook-signature"] == expected


@pytest.mark.parametrize(
    "given",
    [
        {"webhook_url": "https://x.example"},
        {"webhook_secret": SECRET},
        {"webhook_url": "http://x.example", "webhook_secret": SECRET},
        {"webhook_url": "https://u:p@x.example", "webhook_secret": SECRET},
        {"webhook_url": "https://@x.example", "webhook_secret": SECRET},
        {"webhook_url": "http://127.0.0.1\\@x.example/", "webhook_secret": SECRET},
        {"webhook_url": "http://2130706433/", "webhook_secret": SECRET},
        {"webhook_url": "https://x.example:port/", "webhook_secret": SECRET},
        {"webhook_url": "https://x.example:99999/", "webhook_secret": SECRET},
        {"webhook_url": "https://x.example/a b", "webhook_secret": SECRET},
        {"webhook_url": "https://x.example/\n", "webhook_secret": SECRET},
        {"webhook_url": "https://x.example/\u00e9", "webhook_secret": SECRET},
        {"webhook_url": "https://x.example", "webhook_secret": "whsec_short"},
        {"webhook_url": "https://x.example", "webhook_secret": "k" * 40},
    ],
)
def test_settings_that_would_send_unsigned_or_in_the_open_are_refused(given):
    with pytest.raises(ValueError, match=r"webhook|whsec"):
        Settings(**given)


def test_the_secret_is_not_shown():
    shown = Settings(webhook_url="https://x.example", webhook_secret=SECRET).shown()
    assert SECRET not in str(shown)
