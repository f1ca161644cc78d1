"""The house has walls: rooms of a dozen files, files and functions of a size that can be read, no circles, one meaning a name, plain words."""

import ast
import re
import subprocess
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ["capitation", "contracts", "optimiser", "api"]
HOUSES = {"capitation": 17, "contracts": 7, "optimiser": 7, "api/service": 16}
"""Most rooms of each package."""

ALBUMS = {"terms", "blocks", "http", "commands", "routes", "kinds"}
"""Rooms of things that grow in number, each one file of one form: any number of files."""

MOST_FILES, MOST_LINES, LONGEST, MOST_PARAMETERS = 12, 500, 80, 8
WORDS = re.compile(r"\b(?:told|tells?|held)\b", flags=re.IGNORECASE)
MOST_WORDS = 60
REASON = "Reason:"


@cache
def product():
    return [p for package in PACKAGES for p in sorted((ROOT / package).rglob("*.py"))]


@cache
def every_file():
    return [*product(), *sorted((ROOT / "tests").rglob("*.py"))]


@cache
def text_of(path):
    return path.read_text(encoding="utf-8")


@cache
def tree_of(path):
    return ast.parse(text_of(path))


def name_of(path):
    return str(path.relative_to(ROOT))


@cache
def functions(path):
    return [n for n in ast.walk(tree_of(path)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def head_of(path, node):
    """A function's head: the comments before it, its signature, and its docstring."""
    lines = text_of(path).splitlines()
    start = min([node.lineno, *(d.lineno for d in node.decorator_list)]) - 1
    while start and lines[start - 1].lstrip().startswith("#"):
        start -= 1
    first = node.body[0]
    says = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return "\n".join(lines[start : first.end_lineno if says else first.lineno - 1])


def parameters(node):
    own = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
    return [a for a in own if a is not None and a.arg not in {"self", "cls"}]


def nothing(found):
    """Whether nothing was found; where something was, the whole of it is the message."""
    assert not found, "\n" + "\n".join(f"{name}: {about}" for name, about in sorted(found.items()))


def test_a_file_can_be_read_in_one_sitting_or_says_why_not():
    long = {name_of(p): text_of(p).count("\n") for p in product()}
    heads = {name_of(p): "\n".join(text_of(p).splitlines()[:25]) for p in product()}
    nothing({n: lines for n, lines in long.items() if lines > MOST_LINES and REASON not in heads[n]})


def test_a_function_fits_a_screen_or_says_why_not():
    long = {
        f"{name_of(p)}:{n.lineno} {n.name}": n.end_lineno - n.lineno + 1
        for p in product()
        for n in functions(p)
        if n.end_lineno - n.lineno >= LONGEST and REASON not in head_of(p, n)
    }
    nothing(long)


def test_a_function_asks_for_few_things_or_says_why_not():
    many = {
        f"{name_of(p)}:{n.lineno} {n.name}": len(parameters(n))
        for p in product()
        for n in functions(p)
        if len(parameters(n)) > MOST_PARAMETERS and REASON not in head_of(p, n)
    }
    nothing(many)


def test_a_room_has_a_dozen_files():
    rooms = defaultdict(list)
    for path in product():
        if path.name != "__init__.py" and not ALBUMS & set(path.relative_to(ROOT).parent.parts):
            rooms[name_of(path.parent)].append(path.name)
    nothing({room: len(files) for room, files in rooms.items() if len(files) > MOST_FILES})


@pytest.mark.parametrize("house", HOUSES)
def test_a_house_has_rooms_that_can_be_kept_in_mind(house):
    rooms = sorted(p.name for p in (ROOT / house).iterdir() if p.is_dir() and any(p.rglob("*.py")))
    assert len(rooms) <= HOUSES[house], rooms


def room_of(parts):
    """The room of a module: the folder below its package, below `api.service` in the service; a file beside them is its own."""
    depth = 2 if parts[:2] == ("api", "service") else 1
    return ".".join(parts[: depth + 1])


@cache
def is_module(parts):
    whole = ROOT.joinpath(*parts)
    return whole.is_dir() or whole.with_suffix(".py").is_file()


def imports(path):
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                parts = (*node.module.split("."), alias.name)
                yield parts if parts[0] in PACKAGES and is_module(parts) else parts[:-1]


@cache
def arrows():
    """Which room imports which, imports for types and those inside functions among them."""
    found = defaultdict(set)
    for path in product():
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[-1] == "__init__" and len(parts) == 2:
            continue  # a package's list of its public names
        here = room_of(parts[:-1] if parts[-1] == "__init__" else parts)
        for there in imports(path):
            if there[0] in PACKAGES and len(there) > 1 and room_of(there) != here:
                found[here].add(room_of(there))
    return found


def circles(graph):
    """The groups of nodes that can all be reached from each other."""

    def reached(start):
        seen, waiting = set(), [start]
        while waiting:
            for there in graph.get(waiting.pop(), ()):
                if there not in seen:
                    seen.add(there)
                    waiting.append(there)
        return seen

    reach = {node: reached(node) for node in graph}
    return sorted(
        {tuple(sorted(o for o in there if here in reach.get(o, ()))) for here, there in reach.items() if here in there}
    )


def test_circles_are_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [("b", "c")]


def test_no_room_is_in_a_circle():
    assert len(arrows()) > 20
    nothing({" <-> ".join(rooms): "a circle" for rooms in circles(arrows())})


OUTSIDE_WORDS = {"Problem"}
"""Names that a standard gives: RFC 9457 calls an error document a problem, beside the optimiser's own."""


def test_a_class_name_means_one_thing():
    defined = defaultdict(list)
    for path in product():
        for node in tree_of(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                defined[node.name].append(name_of(path))
    nothing({name: files for name, files in defined.items() if len(files) > 1 and name not in OUTSIDE_WORDS})


def texts():
    """What a user may read: docstrings and messages of the product, documents, data, and the description of the service."""
    for path in product():
        constants = (
            n.value for n in ast.walk(tree_of(path)) if isinstance(n, ast.Constant) and isinstance(n.value, str)
        )
        yield path, "\n".join(constants)
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout, so there is no list of the project's files")
    for name in listed.stdout.split("\0"):
        path = ROOT / name
        is_data = name.startswith("data/") and path.suffix == ".toml"
        if (path.suffix == ".md" or is_data or name == "api/openapi.json") and path.is_file():
            yield path, path.read_text(encoding="utf-8")


def test_words_are_plain():
    found = {name_of(path): len(WORDS.findall(text)) for path, text in texts()}
    worn = {name: count for name, count in found.items() if count}
    nothing({} if sum(worn.values()) <= MOST_WORDS else {f"{sum(worn.values())} in all": MOST_WORDS} | worn)
