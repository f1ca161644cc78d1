"""Why this much: a figure as a tree, three levels first, then deeper, down to the printed cell that it came from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.charts.material import SERVICES
from api.pages.asking import ask
from api.pages.rendering import page
from api.pages.seen import run_of
from api.pages.tables import heading
from capitation.money.pence import pounds_text

_LABEL = re.compile(r"([a-z_]+)\.([a-z_]+)(?: (.+))?")
_KEY = re.compile(r"\b[a-z_]+=")
_LEVELS = 3


@dataclass(frozen=True)
class ShownFigure:
    """A figure and what it is made of, in words."""

    title: str
    value: str
    words: str
    href: str
    parts: tuple[ShownFigure, ...]
    folded: int
    disagrees: str
    kind: str


def figure(request: Request) -> Response:
    """A figure's page."""
    given = request.path_params
    depth = request.query_params.get("depth", str(_LEVELS))
    where = request.query_params.getlist("where")
    path = f"/v1/figures/{given['run']}/{given['table']}/{given['column']}"
    tree = ask(request, path, {"where": where, "depth": depth}).content
    seen = run_of(request, given["run"])
    top = _node(tree, seen.id)
    deeper = (
        ""
        if not depth.isdigit() or int(depth) >= 12
        else f"?{urlencode({'where': where, 'depth': min(12, int(depth) + 3)}, doseq=True)}"
    )
    lead = f"{top.title} is {top.value}: {top.words.rstrip('.')}." if top.words else f"{top.title} is {top.value}."
    return page(
        "figure.html",
        request,
        title="Why this much?",
        lead=lead,
        top=top,
        seen=seen,
        deeper=deeper,
        href=f"{path}?{urlencode({'where': where}, doseq=True)}",
    )


def _node(tree: dict[str, Any], run: str) -> ShownFigure:
    label = str(tree["label"])
    href, title = "", str(tree.get("title") or label)
    found = _LABEL.fullmatch(label)
    if found and tree["kind"] == "figure":
        where = [each for each in (found[3] or "").split(", ") if each]
        href = f"/figures/{run}/{found[1]}/{found[2]}?{urlencode({'where': where, 'depth': _LEVELS}, doseq=True)}"
        spoken = _LABEL.match(title)
        rest = _KEY.sub("", title[title.index(" ") :].strip()) if " " in title else ""
        rest = ", ".join(SERVICES.get(part, part) for part in rest.split(", "))
        if spoken:
            title = (
                f"{heading(found[2]).replace(' (£)', '')} ({heading(found[1]).lower()}){', ' + rest if rest else ''}"
            )
    parts = tuple(_node(each, run) for each in tree.get("parts", ()))
    return ShownFigure(
        title,
        _value(tree),
        str(tree.get("words", "")),
        href,
        parts,
        int(tree.get("folded_parts") or 0),
        str(tree.get("disagrees", "")),
        str(tree["kind"]),
    )


def _value(tree: dict[str, Any]) -> str:
    value, unit = str(tree["value"]), str(tree.get("unit", ""))
    if unit == "pence" and re.fullmatch(r"-?\d+", value):
        return f"£{pounds_text(int(value))}".replace("£-", "-£")
    if unit in {"share", "ratio"} and re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", value):
        return f"{float(value):.4%}"
    if unit in {"pounds", "pence"}:
        return f"£{value}".replace("£-", "-£") if unit == "pounds" else value
    return f"{value} {unit}".strip()


ROUTES = [Route("/figures/{run}/{table}/{column}", figure)]
