"""Why this much: a figure as a tree, three levels first, then deeper, down to the printed cell that it came from."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.pages.asking import ask, service_of
from api.pages.drawn import gallery_of, gallery_of_run
from api.pages.outcomes import result_of
from api.pages.rendering import page
from api.pages.seen import Fact, run_of
from api.pages.tables import heading
from api.service.kinds import KINDS
from api.service.views.traced import KINDS_TRACED
from capitation.money.pence import pounds_text
from capitation.sentences import capital

_LABEL = re.compile(r"([a-z_]+)\.([a-z_]+)(?: (.+))?")
_CASE, _CONTRACT = "activity_case", "contract "
_NUMBERED = {"term_number": "clause", "step": "step"}
_LEVELS = 3
_PLAIN = frozenset({"stream_total"})
"""Tables that add nothing to the name of a figure."""

_TABLES = {
    "place_distance": "all place-based money",
    "practice_weight": "in the year",
    "practice_need": "in the base year",
}
"""Tables in words, where their names say less."""

_CELL = re.compile(r"([a-z][a-z0-9_]+) of ([A-Z][A-Z0-9]{2,9})")
_COLUMNS = (
    ("wp", "weighted persons,"),
    ("mff", "market forces factor,"),
    ("eaca", "emergency ambulance cost adjustment,"),
    (r"(\d{4}) (\d\d)", r"\1/\2"),
)
_OF_TABLE = re.compile(r" of the table '[a-z_]+'")


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
    facts, names = _result(request, given["run"])
    top = _node(tree, given["run"], names)
    deeper = (
        ""
        if not depth.isdigit() or int(depth) >= 12 or not _is_cut(tree)
        else f"?{urlencode({'where': where, 'depth': min(12, int(depth) + 3)}, doseq=True)}"
    )
    lead = f"{top.title} is {top.value}: {top.words.rstrip('.')}." if top.words else f"{top.title} is {top.value}."
    return page(
        "figure.html",
        request,
        title="Why this much?",
        lead=lead,
        top=top,
        facts=facts,
        deeper=deeper,
        href=f"{path}?{urlencode({'where': where}, doseq=True)}",
    )


def _result(request: Request, result: str) -> tuple[list[Fact], Callable[[str], str]]:
    """What the result of a figure rests on, and the names of the codes in it."""
    store = service_of(request).store
    if store.result("run", result) is not None:
        seen = run_of(request, result)
        return seen.facts, gallery_of_run(request, seen).charts.material.name
    kind = next(kind for kind in KINDS_TRACED if store.result(kind, result) is not None)
    found = result_of(request, KINDS[kind].address, result)
    return found.facts, gallery_of(request, found).charts.material.name


def _spoken(part: str, name: Callable[[str], str]) -> str:
    """A part of a figure's key in words: "term_number=2" is "clause 2", and a code its name."""
    key, _, value = part.partition("=")
    if key in _NUMBERED:
        return f"{_NUMBERED[key]} {value}"
    return (
        {"plan": "activity as planned", "mix": "with the mix"}.get(value, name(value)) if key == _CASE else name(value)
    )


def _node(tree: dict[str, Any], run: str, name: Callable[[str], str]) -> ShownFigure:
    label = str(tree["label"])
    href, title = "", str(tree.get("title") or label)
    found = _LABEL.fullmatch(label)
    if found and tree["kind"] == "figure":
        where = [each for each in (found[3] or "").split(", ") if each]
        href = f"/figures/{run}/{found[1]}/{found[2]}?{urlencode({'where': where, 'depth': _LEVELS}, doseq=True)}"
        column, table = heading(found[2]).removesuffix(" (£)"), heading(found[1])
        of = (
            ""
            if table.lower() == column.lower() or found[1] in _PLAIN
            else f" ({_TABLES.get(found[1], table.lower())})"
        )
        rest = ", ".join(_spoken(each, name) for each in where if not each.startswith("contract="))
        title = f"{column}{of}{', ' + rest if rest else ''}"
    elif cell := _CELL.fullmatch(title):
        title = _cell_words(cell[1], cell[2], name)
    elif label.startswith(_CONTRACT):
        href, title = f"/contracts/{label.removeprefix(_CONTRACT)}", "Clause of the contract"
    parts = tuple(_node(each, run, name) for each in tree.get("parts", ()))
    return ShownFigure(
        title,
        _value(tree),
        _OF_TABLE.sub("", str(tree.get("words", ""))),
        href,
        parts,
        int(tree.get("folded_parts") or 0),
        str(tree.get("disagrees", "")),
        str(tree["kind"]),
    )


def _cell_words(column: str, of: str, name: Callable[[str], str]) -> str:
    """A printed cell in words: a column and a code are what it counts and the name of the practice."""
    said = column.replace("_", " ")
    for short, words in _COLUMNS:
        said = re.sub(rf"\b{short}\b", words, said)
    return capital(f"{said}, of {name(of)}")


def _is_cut(tree: dict[str, Any]) -> bool:
    """Whether a figure of the tree is shown without what it was worked out from."""
    parts = tree.get("parts", ())
    return any(map(_is_cut, parts)) if parts else tree["kind"] == "figure"


def _value(tree: dict[str, Any]) -> str:
    value, unit = str(tree["value"]), str(tree.get("unit", ""))
    if unit == "pence" and re.fullmatch(r"-?\d+", value):
        return f"£{pounds_text(int(value))}".replace("£-", "-£")
    if unit in {"share", "ratio"} and re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", value):
        return f"{float(value):.4%}"
    if unit in {"pounds", "pence"}:
        return f"£{value}".replace("£-", "-£") if unit == "pounds" else value
    return f"{value} {unit}".strip() if not value.endswith("m") or unit != "£m" else value


ROUTES = [Route("/figures/{run}/{table}/{column}", figure)]
