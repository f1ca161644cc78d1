"""The folder of a new system: pack.toml, scenario, policy, practices as a source, localities; written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from capitation.errors import ScenarioError
from capitation.pack.layers import PACK_FILE
from capitation.pack.sources import DataPack, sha256_of
from capitation.places.membership import LOCALITIES_FILE, MEMBERSHIP_FILE, Practice
from capitation.records.toml_text import toml_text
from capitation.records.whole_files import write_whole_folder
from capitation.run.systems.new_system import PRACTICES, NewSystem
from capitation.weighting.formula import need_catalogue

BELOW = "england"
"""The pack that a new system extends."""

_SCENARIO_HEAD = """\
# The choices of one run. What `capitation new` chose for want of anything better is marked as an assumption: replace the amounts in
# [money] and the persons in [[population.totals]] by your own, and say where they are printed (source and where).
# Parts that this folder lacks are left out of a run and said so: a printed plan (plan = "..."), providers/, activity/, solutions/.

"""

_POLICY = """\
id = "{id}"
title = "Straight to target"
about = "Every locality receives its target at once. Write floors, caps and limits here to slow it; policies of other systems show how."

[[rules]]
from = "2013/14"
stream = "any"
method = "water-fill"
relaxation = []
surplus_relaxation = []
note = "Without floors and caps allocations equal targets to the penny."

# An example of a floor: no locality grows by less than 1% in cash, and what gives way where money does not reach.
# [[rules]]
# from = "2019/20"
# stream = "any"
# method = "water-fill"
# floor_total = {{ value = 0.01, unit = "rate a year", source = "assumption", where = "agreed by the board", owner = "Allocations lead", quality = "amber" }}
# relaxation = ["floors"]
"""

_PACK = """\
id = "{id}"
title = "{title}"
version = "1"
extends = "{below}"
about = "{about}"
licence = "{licence}"
"""

_EMPTY_PRACTICES = """\
# One row a practice. capitation new SYSTEM --practices practices.csv --places places.csv reads this table: the list, the need
# components that the formula of the year names (wp_...), and its cost indices. Take the comment lines away.
practice_code,practice_name,commissioner_code,registered_2018_19,wp_general_acute,wp_community,wp_mental_health,wp_maternity,wp_prescribing,wp_avoidable_mortality,mff_index,eaca_index
"""

_EMPTY_PLACES = """\
# One row a practice: its locality and place. Take the comment lines away.
practice_code,locality_code,locality_name,place_code,place_name,commissioner_code
"""

_EMPTY_TOTALS = """\
# Money by year and stream, the opening year included. Take the comment lines away.
year,stream,pounds
"""

_EMPTY_README = """\
# {id}: an empty system

Fill in three tables and write the system from them:

1. `practices.csv.template`: practices, lists and need components
2. `places.csv.template`: the locality and place of each practice
3. `totals.csv.template`: money by year and stream (without it the formula's own targets stand in, marked)

    capitation new {id} --practices practices.csv --places places.csv --totals totals.csv --out FOLDER
    capitation check --data FOLDER
    capitation run FOLDER/scenarios/{id}.toml --out runs
"""


def write_system(made: NewSystem, out: Path, pack: DataPack) -> Path:
    """The folder of a system at `out`, which may not be there yet unless it is empty.

    Raises:
        ScenarioError: there is something at `out`.
        SourceError: it cannot be written; nothing is left behind.
    """
    _require_free(out)

    def fill(folder: Path) -> None:
        own = made.scenario.practices.source
        for room in ("scenarios", "policies", "places", f"sources/{own}"):
            (folder / room).mkdir(parents=True)
        _write_source(made, folder / "sources" / own, pack)
        text = _SCENARIO_HEAD + toml_text(made.scenario)
        (folder / "scenarios" / f"{made.wanted.system}.toml").write_text(text, encoding="utf-8")
        policy = _POLICY.format(id=made.scenario.policy)
        (folder / "policies" / f"{made.scenario.policy}.toml").write_text(policy, encoding="utf-8")
        made.membership.sort("practice_code").write_csv(folder / MEMBERSHIP_FILE)
        made.localities.sort("locality_code").write_csv(folder / LOCALITIES_FILE)
        made.found.practices.select(*Practice.columns()).sort("practice_code").write_csv(
            folder / "places/practices.csv"
        )
        if made.found.stand_ins.height:
            made.found.stand_ins.write_csv(folder / "places/without-coordinates.csv")
        _write_pack_file(folder, made.wanted.id, made.scenario.title)

    return write_whole_folder(out, fill)


def write_empty_system(system: str, out: Path) -> Path:
    """The folder of a system without figures at `out`: its pack.toml and commented templates of the tables to fill in.

    Raises:
        ScenarioError: there is something at `out`.
        SourceError: it cannot be written; nothing is left behind.
    """
    _require_free(out)

    def fill(folder: Path) -> None:
        _write_pack_file(folder, system.lower(), system)
        for name, text in (
            ("practices.csv.template", _EMPTY_PRACTICES),
            ("places.csv.template", _EMPTY_PLACES),
            ("totals.csv.template", _EMPTY_TOTALS),
            ("README.md", _EMPTY_README.format(id=system)),
        ):
            (folder / name).write_text(text, encoding="utf-8")

    return write_whole_folder(out, fill)


def _require_free(out: Path) -> None:
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise ScenarioError(
            f"--out {out}: found something there; expected a new folder, so that nothing is overwritten"
        )


def _write_pack_file(folder: Path, system: str, title: str) -> None:
    licence = "Published figures are public sector information, carried under the Open Government Licence v3.0; others are the user's own."
    text = _PACK.format(
        id=system,
        title=title.replace('"', "'"),
        below=BELOW,
        about="A system written by capitation new.",
        licence=licence,
    )
    (folder / PACK_FILE).write_text(text, encoding="utf-8")


def _write_source(made: NewSystem, folder: Path, pack: DataPack) -> None:
    """The practice table as a source, with a manifest that says whose figures they are."""
    rows = made.found.need
    rows.select(pl.all().exclude(pl.List, pl.Struct)).write_csv(folder / f"{PRACTICES}.csv")
    vintage = need_catalogue(pack).vintages[str(made.found.year)]
    national = pack.source(vintage.source) if made.wanted.inputs is not None else None
    given = made.wanted.inputs or made.wanted.practices or Path()
    content = {
        "id": folder.name,
        "title": national.title if national else f"Practices as given in {given.name}",
        "publisher": national.publisher if national else "the user",
        "published": national.published if national else str(made.found.year),
        "licence": national.licence if national else "as the user's own table",
    }
    table = {
        "name": PRACTICES,
        "title": f"Practices with lists and need components of {made.found.year}",
        "file": f"{PRACTICES}.csv",
        "layout": "wide",
        "locator": f"rows of {made.wanted.area or 'all practices'} in a table of {given.name}",
        "sha256": sha256_of(folder / f"{PRACTICES}.csv"),
    }
    lines = [f"{key} = {_quoted(value)}" for key, value in content.items()]
    lines += ["", "[[tables]]", *(f"{key} = {_quoted(value)}" for key, value in table.items())]
    (folder / "source.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
