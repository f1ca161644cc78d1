"""Help: what the words on the pages mean, how each page is used, and where the interface for programs is described."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.pages.rendering import page

WORDS = (
    ("Allocation", "What an area receives in a year, after pace of change."),
    ("Control total", "All the money a system may spend in a year, for everything its population needs."),
    ("Stream", "Funding with its own rules: core services, primary medical care, specialised services."),
    ("Target", "An area's fair share: the money of a stream shared by weighted persons."),
    ("Distance from target", "Allocation divided by target, less one: negative is under target, positive is over."),
    ("Pace of change", "How fast allocations may move towards target: floors, caps and bands."),
    ("Weighted persons", "People counted by need rather than by head."),
    ("Locality", "A group of practices with some 30,000 to 50,000 people."),
    ("Top-slice", "Money set aside before sharing: contingency, reserves, earmarked sums."),
    ("Do minimum", "Today's contract carried forward; every option is compared with it."),
    ("Corridor", "The range within which a provider bears its own gain or loss; beyond it, it is shared."),
    ("Mix", "Which investments are made, where, at which scale and when."),
    ("Bound", "The value that no mix can exceed; the closer the best mix is to it, the surer we are that it is the best."),
    ("Run", "A scenario worked out with one version of data and code; it never changes, and its number names it."),
    ("Scenario", "A document that says which money, people and rules a run is made of."),
    ("Draft, approved, stale", "A run nobody has approved; one that a second person has; one whose scenario, data or code changed since."),
    ("Journal", "The lines a ledger loads: each movement is a debit and a credit for the same pence."),
    ("Not shown", "Numbers of people small enough for somebody to be recognised are left out."),
)  # fmt: skip


def helped(request: Request) -> Response:
    """The page of words."""
    return page(
        "help.html",
        request,
        title="Help",
        lead=f"What the {len(WORDS)} words on these pages mean, and how to follow a figure to its source.",
        words=WORDS,
    )


ROUTES = [Route("/help", helped)]
