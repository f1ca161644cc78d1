"""Pages that are made when the site is built: commands, service, data dictionary, the packages' own pages and the releases."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("capitation", "contracts", "optimiser", "api", "data")
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?!https?:|#|mailto:)([^)]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that no file holds; a file of the same name stands."""
    made = {f"packages/{name}.md": _bare((ROOT / name / "README.md").read_text(encoding="utf-8")) for name in PACKAGES}
    made["releases.md"] = _bare((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    made["reference/commands.md"] = commands()
    made["reference/service.md"] = service()
    made["reference/data-dictionary.md"] = data_dictionary()
    made["benchmarks.md"] = "# Benchmarks\n\nNone are stored; `make bench` measures and writes this page.\n"
    known = {each.src_uri for each in files}
    for name, text in made.items():
        if name not in known:
            files.append(File.generated(config, name, content=text))
    return files


def _bare(text: str) -> str:
    """A file of the repository as a page: links into the repository become the names they show."""
    return _LINK.sub(lambda found: f"`{found[2]}`" if found[1] == found[2] else f"{found[1]} (`{found[2]}`)", text)


def commands() -> str:
    """Every command with its arguments and options, from the command line itself."""
    import click
    import typer.main

    from api.cli.main import app

    lines = [
        "# Commands",
        "",
        "Each word of the command line, as `--help` says it. Money leaves text formats in pounds, to the penny.",
        "",
    ]

    def walk(command: Any, path: str) -> Iterator[str]:  # noqa: ANN401  # the library of commands brings its own classes
        subs = list(getattr(command, "list_commands", lambda _: [])(click.Context(command)))
        if subs:
            for name in subs:
                yield from walk(command.get_command(click.Context(command), name), f"{path} {name}")
            return
        yield from (f"## {path}", "", (command.help or "").replace("\n\n", "\n").strip(), "")
        rows = [each for each in command.params if getattr(each, "name", "") != "help"]
        if rows:
            yield from ("| | | |", "|---|---|---|")
            for each in rows:
                word = (
                    ", ".join(f"`{opt}`" for opt in each.opts) if each.param_type_name == "option" else f"`{each.name}`"
                )
                need = "needed" if each.required else ""
                yield f"| {word} | {need} | {_cell(getattr(each, 'help', '') or '')} |"
            yield ""

    lines += walk(typer.main.get_command(app), "capitation")
    return "\n".join(lines)


def service() -> str:
    """Every address of the service with what it does, from its description."""
    described = json.loads((ROOT / "api" / "openapi.json").read_text(encoding="utf-8"))
    lines = [
        "# Service",
        "",
        "The addresses of the web service. `/openapi.json` of a running service describes requests and answers whole.",
        "",
    ]
    by: dict[str, list[tuple[str, str, str]]] = {}
    for address, methods in described["paths"].items():
        for method, each in methods.items():
            if isinstance(each, dict) and "responses" in each:
                tag = (each.get("tags") or ["other"])[0]
                by.setdefault(tag, []).append(
                    (method.upper(), address, each.get("summary") or each.get("operationId", ""))
                )
    for tag, rows in by.items():
        lines += [f"## {tag[:1].upper()}{tag[1:]}", "", "| | Address | What it does |", "|---|---|---|"]
        lines += [f"| {method} | `{address}` | {_cell(about)} |" for method, address, about in rows] + [""]
    return "\n".join(lines)


def data_dictionary() -> str:
    """Every column of every frame of a run, a comparison and a plan: type, unit, meaning."""
    from optimiser.links.plan import SCHEMAS

    lines = [
        "# Data dictionary",
        "",
        "Frames of a written run, of contract options and of a plan. Money in frames is whole pence; CSV and JSON have pounds.",
        "",
    ]
    for name, schema in sorted(SCHEMAS.items()):
        about = (schema.__doc__ or "").strip().split("\n")[0]
        lines += [f"## {name}", "", about, "", "| Column | Unit | Meaning |", "|---|---|---|"]
        lines += [
            f"| `{column}` | {_cell(each.unit)} | {_cell(each.about)} |" for column, each in schema.columns().items()
        ] + [""]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;").strip()
