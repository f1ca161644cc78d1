"""Pages that are made when the site is built: commands, service, data dictionary, the packages' own pages and the releases."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from capitation.sentences import capital

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
    made["reference/assumptions.md"] = assumptions()
    made["reference/sources.md"] = sources()
    made["contributing.md"] = _bare((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    made["security.md"] = _bare((ROOT / "SECURITY.md").read_text(encoding="utf-8"))
    made["licence.md"] = licence()
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
        lines += [f"## {capital(tag)}", "", "| | Address | What it does |", "|---|---|---|"]
        lines += [f"| {method} | `{address}` | {_cell(about)} |" for method, address, about in rows] + [""]
    return "\n".join(lines)


def data_dictionary() -> str:
    """Every column of every frame of a run, a comparison and a plan: type, unit, meaning."""
    from contracts.options.evaluate import SCHEMAS as OF_OPTIONS
    from contracts.options.study import STUDY
    from optimiser.links.plan import SCHEMAS as OF_PLANS

    every = {**OF_OPTIONS, **STUDY, **OF_PLANS}
    lines = [
        "# Data dictionary",
        "",
        "Frames of a written run, of contract options and of a plan. Money in frames is whole pence; CSV and JSON have pounds.",
        "",
    ]
    for name, schema in sorted(every.items()):
        about = (schema.__doc__ or "").strip().split("\n")[0]
        lines += [f"## {name}", "", about, "", "| Column | Unit | Meaning |", "|---|---|---|"]
        lines += [
            f"| `{column}` | {_cell(each.unit)} | {_cell(each.about)} |" for column, each in schema.columns().items()
        ] + [""]
    return "\n".join(lines)


def assumptions() -> str:
    """The assumptions of the plan that ships which move a headline most, in sentences, from the log that is kept with it."""
    from api.charts.material import words_of
    from capitation.pack.layers import default_data_folder
    from capitation.pack.sources import DataPack
    from optimiser.links.assumed.kept import shipped_log
    from optimiser.links.assumed.words import sentences

    pack = DataPack(default_data_folder())
    lines = [
        "# Assumptions",
        "",
        "Whatever the sources leave out is an assumption with an owner, an evidence rating and a range. These move a headline of the plan that ships most; "
        "`capitation assumptions RUN` ranks them for a run of yours, and `capitation template write assumptions` lists every parameter.",
        "",
    ]
    for name in pack.names("scenarios"):
        log = shipped_log(pack, name)
        if log is not None:
            lines += [
                f"{log.count} assumptions, of which {log.weak} rest on weak evidence or have not been graded.",
                "",
            ]
            lines += [f"{number}. {said}" for number, said in enumerate(sentences(log, words_of(pack).names, 20), 1)]
    return "\n".join([*lines, ""])


def sources() -> str:
    """Every publication that figures come from, with its publisher and licence."""
    from capitation.pack.layers import default_data_folder
    from capitation.pack.sources import DataPack

    lines = [
        "# Sources",
        "",
        "Publications that the shipped figures come from. Their tables are in `data/*/sources`, cell by cell as printed.",
        "",
        "| Source | Title | Publisher | Licence |",
        "|---|---|---|---|",
    ]
    found = DataPack(default_data_folder()).sources
    lines += [
        f"| `{name}` | {_cell(each.title)} | {_cell(each.publisher)} | {_cell(each.licence)} |"
        for name, each in sorted(found.items())
    ]
    return "\n".join([*lines, ""])


def licence() -> str:
    """The licence of the program, and how to cite it, from the citation file."""
    said = dict(
        line.split(": ", 1) for line in (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines() if ": " in line
    )
    lines = [
        "# Licence and citation",
        "",
        "The program has the MIT licence. Published figures keep the licences of their publishers, see [Sources](reference/sources.md).",
        "",
        "```",
        (ROOT / "LICENSE").read_text(encoding="utf-8").strip(),
        "```",
        "",
        "## How to cite",
        "",
        f"The Capitation authors ({said['date-released'][:4]}). *{said['title']}*, version {said['version']}. "
        f"{said['abstract']}",
        "",
        "Name the id of the run that your figures come from (it stands on every page, paper and workbook): the same inputs give the same id. "
        "`CITATION.cff` in the repository has the same in a form that reference managers read.",
        "",
    ]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;").strip()
