"""Labels that a contract names for its text inputs: in look-up tables, in parameters by label, and in conditions.

A cell that is one of them but for its writing (`contracts/language/labels.py`) is read as the contract writes it, so that
"basic_a" never falls to the branch of all others because a condition says "BASIC A".
"""

from __future__ import annotations

from collections.abc import Iterator

from capitation.errors import Faults, suggest
from contracts.document.models import Contract
from contracts.language.condition import texts_in
from contracts.language.labels import confusable, folded
from contracts.terms._base import Term


def named_labels(contract: Contract) -> dict[str, dict[str, str]]:
    """For each text input without a table of its own, its labels by how they are compared, as the contract writes them."""
    out: dict[str, dict[str, str]] = {}
    for name, _, labels in _named(contract):
        mine = out.setdefault(name, {})
        for label in labels:
            mine.setdefault(folded(label), label)
    return {name: labels for name, labels in out.items() if labels}


def check_labels(contract: Contract, faults: Faults, where: str) -> None:
    """Add a fault for labels of one input that only their writing distinguishes, and for texts that are no code of its table.

    Args:
        contract: the document.
        faults: where faults are gathered.
        where: a name for messages.
    """
    seen: dict[str, dict[str, str]] = {}
    for name, place, labels in _named(contract):
        mine = seen.setdefault(name, {})
        new = [label for label in labels if label not in mine]
        for first, other in confusable([*mine, *new]):
            if other in new and not (first in new and place.startswith("table ")):  # within a table it says so itself
                faults.add(
                    f"{where}: {place}", f"label {other!r}, which is read as {first!r} ({mine.get(first, place)})",
                    "each label of an input written one way",
                )  # fmt: skip
        mine.update(dict.fromkeys(new, place))
    inputs = contract.input_map()
    tables = contract.table_map()
    for place, text in _conditions(contract):
        for name, label in texts_in(text):
            table = tables.get(inputs[name].table or "") if name in inputs else None
            if table is None or "code" not in table.columns():
                continue
            codes = sorted({str(code) for code in table.by_label("code").values()})
            if label not in codes:
                faults.add(
                    f"{where}: {place}", f"{name} compared with {label!r}",
                    f"a code of table {table.name}", suggest(label, codes),
                )  # fmt: skip


def _named(contract: Contract) -> Iterator[tuple[str, str, list[str]]]:
    """Each place that names labels of a text input: the input, the place, the labels."""
    free = {i.name for i in contract.inputs if i.type == "text" and i.table is None}
    tables = contract.table_map()
    for i, term in enumerate(contract.terms, start=1):
        label, table = getattr(term, "label", None), tables.get(str(getattr(term, "table", None)))
        if label is not None and table is not None and str(label) in free and table.kind == "labels":
            rows = [str(row[table.label]) for row in table.rows if table.label in row]
            yield str(label), f"table {table.name} (terms.{i})", list(dict.fromkeys(rows))
    for parameter in contract.parameters:
        if parameter.by in free:
            for i, dated in enumerate(parameter.values, start=1):
                if isinstance(dated.value, dict):
                    yield str(parameter.by), f"parameter {parameter.name}.values.{i}", [str(x) for x in dated.value]
    for place, text in _conditions(contract):
        for name, label in texts_in(text):
            if name in free:
                yield name, place, [label]


def _conditions(contract: Contract) -> Iterator[tuple[str, str]]:
    """Every condition of a contract, with its place."""
    for i, term in enumerate(contract.terms, start=1):
        yield from ((f"terms.{i} ({term.step}).{place}", text) for place, text in _of(term))
    for each in contract.inputs:
        for field, needed in (("needed_when", each.needed_when), ("column_needed_when", each.column_needed_when)):
            if needed is not None:
                yield f"input {each.name}.{field}", needed
    for i, notice in enumerate(contract.notices, start=1):
        yield f"notices.{i}.when", notice.when


def _of(term: Term) -> list[tuple[str, str]]:
    return [(place.lstrip("."), text) for place, text in term.conditions()]


__all__ = ["check_labels", "named_labels"]
