"""How a page is made of a template and what it shows: names instead of codes, money in words of a board, one address for each figure."""

from __future__ import annotations

import gzip
import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from api.pages.tables import said_moment
from api.service.records.failures import ServiceError
from api.service.security.proofs.sessions import cookies_of, form_mark
from api.service.views.rows import VARY
from capitation.money.pence import board_text, pounds_text
from capitation.sentences import capital

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = files("api.pages")

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'",
    "Vary": f"{VARY}, HX-Request",
}
"""Headers of a page: nothing of it comes from elsewhere, and none of its scripts or styles stand in it."""

MEDIA = {
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
    "js": "text/javascript; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
}
"""Kinds of files that pages are made with, by the ending of their names."""

NAVIGATION = (
    ("/", "Home"), ("/scenarios", "Scenarios"), ("/allocations", "Allocation"), ("/places", "Places"), ("/options", "Contracts"),
    ("/risk", "Risk"), ("/investment", "Investment"), ("/what-if", "What if"), ("/runs/compare", "Compare"), ("/data-checks", "Data"), ("/jobs", "Jobs"), ("/help", "Help"),
)  # fmt: skip


_JOINED = "\u2060"
"""Keeps a sign on the line of its amount; it has no width and is not read out."""


@cache
def static_file(name: str) -> tuple[bytes, bytes, str, str]:
    """A file that pages are made with: its bytes, the same packed, its media type, and its checksum.

    Raises:
        ServiceError: there is none of that name.
    """
    ending = name.rpartition(".")[2]
    path = HERE / "static" / name
    if ending not in MEDIA or "/" in name or not path.is_file():
        raise ServiceError("not-found", f"there is no file {name!r}")
    content = path.read_bytes()
    return content, gzip.compress(content, mtime=0), MEDIA[ending], hashlib.sha256(content).hexdigest()[:12]


def static_address(name: str) -> str:
    """The address of a file, which changes with its content."""
    return f"/static/{name}?v={static_file(name)[3]}"


@cache
def _environment() -> Environment:
    from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, StrictUndefined

    loader = ChoiceLoader([FileSystemLoader(str(HERE / "templates")), PackageLoader("nhsuk_frontend_jinja")])
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters |= {
        "board": board_text,
        "pounds": pounds_text,
        "percent": percent,
        "page": page_address,
        "part": part_words,
        "by": by_whom,
        "moment": said_moment,
    }
    made.globals |= {"static": static_address, "navigation": NAVIGATION}
    return made


def by_whom(author: str) -> str:
    """Who wrote something, in words."""
    return "the data pack" if author == "data-pack" else author


def percent(share: float | None) -> str:
    """A share as a percentage with its sign and one decimal; a dash where there is none."""
    return "–" if share is None else f"{share:+.1%}"


_PART = re.compile(r"^(path|query|header|request body|body): ?")


def part_words(where: str) -> str:
    """Where a fault is, for somebody who wrote no request: the field, without the part of the request that it stands in."""
    return capital(_PART.sub("", where).replace("_", " "))


def page_address(href: str) -> str:
    """The page of a resource, from the resource's address."""
    return href.removeprefix("/v1") if href.startswith("/v1/") else href


def html(template: str, request: Request, **shown: Any) -> str:  # noqa: ANN401  # whatever the template shows
    """A page as text."""
    caller = getattr(request.state, "caller", None)
    cookies = cookies_of(request.headers.get("cookie", ""))
    common = {
        "caller": caller,
        "mark": form_mark(cookies),
        "path": request.url.path,
        "here": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        "refresh": None,
        "tab_title": "",
        "lead": "",
        "crumbs": (),
    }
    made: str = _environment().get_template(template).render(**{**common, **shown})
    return made.replace("-£", f"-{_JOINED}£").replace("(+£", f"(+{_JOINED}£")


def page(
    template: str,
    request: Request,
    status: int = 200,
    headers: dict[str, str] | None = None,
    **shown: Any,  # noqa: ANN401  # as above
) -> Response:
    """A page as an answer."""
    body, own = packed(request, html(template, request, **shown))
    return Response(body, status, {**HEADERS, **own, **(headers or {})}, "text/html; charset=utf-8")


def packed(request: Request, text: str) -> tuple[bytes, dict[str, str]]:
    """A text as it is sent, packed where the browser takes that, with the header that says so."""
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return text.encode(), {}
    return gzip.compress(text.encode(), 5, mtime=0), {"Content-Encoding": "gzip"}


def moved_to(address: str, headers: dict[str, str] | None = None) -> Response:
    """The answer to a form that was carried out: the browser goes on to an address of this service."""
    return Response(status_code=303, headers={"Location": address, "Cache-Control": "no-store", **(headers or {})})


__all__ = ["html", "moved_to", "packed", "page", "static_file"]
