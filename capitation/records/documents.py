"""Documents: the strict, frozen models that files of the data pack and of users are read into.

A document refuses unknown keys, keeps printed digits (numbers in TOML are read as Decimal), and describes each of
its fields with the sentence that stands under it; the JSON Schema, the pages and the READMEs use that sentence.
"""

from __future__ import annotations

import json
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, ValidationError, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from capitation.errors import DocumentError, suggest
from capitation.records.described import describe
from capitation.records.document_faults import document_faults, words_of

D = TypeVar("D", bound="Document")

Rating = Literal["red", "amber", "green"]


class Document(BaseModel):
    """The base of every document: frozen, strict about its keys, described field by field."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core_schema)
        describe(cls, handler.resolve_ref_schema(schema))
        return schema


class Locator(Document):
    """Where a figure stands in its source."""

    source: str
    """Id of the source (a folder of sources/), or "assumption"."""
    where: str
    """Page, table, row and column, or for an assumption what it rests on."""


class Judged(Document):
    """The marks that a judgement carries: who owns it, how good its evidence is, how much it matters."""

    owner: str | None = None
    """Who answers for the assumption; required where the source is "assumption"."""
    quality: Rating | None = None
    """Evidence: red is weak, amber is partial, green is strong."""
    impact: Rating | None = None
    """Effect on the answer: red is large, amber is moderate, green is small."""


class Figure(Judged):
    """A number with its unit and the place it was taken from."""

    value: Decimal
    """The number, with the digits printed in the source."""
    unit: str
    """What one of it is, such as "pence", "persons", "share"."""
    source: str
    """Id of the source (a folder of sources/), or "assumption"."""
    where: str
    """Page, table, row and column, or for an assumption what it rests on."""
    low: Decimal | None = None
    """Lowest value to test within."""
    high: Decimal | None = None
    """Highest value to test within."""

    @model_validator(mode="after")
    def _assumption_has_an_owner(self) -> Figure:
        if self.source == "assumption" and (self.owner is None or self.quality is None):
            raise ValueError("an assumption needs an owner and a quality mark")
        return self

    @model_validator(mode="after")
    def _range_in_order(self) -> Figure:
        if self.low is not None and self.high is not None and self.low > self.high:
            message = f"a low that is not above the high, not {self.low} to {self.high}"
            raise ValueError(message)
        return self


def read_document(path: Path, model: type[D]) -> D:
    """The document in a TOML, JSON or YAML file, checked against `model`.

    Raises:
        DocumentError: the file is missing, cannot be parsed, or breaks the model; every fault is reported at once,
            with the file and the key.
    """
    return parse_document(read_mapping(path), model, where=str(path))


def read_mapping(path: Path) -> dict[str, Any]:
    """The plain content of a TOML, JSON or YAML file, numbers with decimals as Decimal.

    Raises:
        DocumentError: the file is missing, is not UTF-8, or cannot be parsed.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        near = suggest(path.name, (p.name for p in path.parent.glob(f"*{path.suffix}"))) if path.parent.is_dir() else ""
        raise DocumentError(f"{path}: no such file. {near}".rstrip()) from None
    except IsADirectoryError:
        raise DocumentError(f"{path}: found a folder; expected a file. Name a file in it") from None
    except OSError as error:
        raise DocumentError(f"{path}: cannot be read ({error.strerror})") from error
    return parse_mapping(content, path)


def parse_mapping(raw: bytes, path: Path) -> dict[str, Any]:
    """The plain content in a file's bytes; `path` gives their format by its ending, and their name in messages.

    Raises:
        DocumentError: as `read_mapping`.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError(f"{path}: cannot be read as UTF-8 text ({error}). Save it as UTF-8") from error
    try:
        if path.suffix == ".toml":
            content: Any = tomllib.loads(text, parse_float=Decimal)
        elif path.suffix == ".json":
            content = json.loads(text, parse_float=Decimal)
        elif path.suffix in {".yaml", ".yml"}:
            content = yaml.safe_load(text)
        else:
            raise DocumentError(
                f"{path}: a document is a .toml, .json or .yaml file, not {path.suffix or 'a file without an ending'}"
            )
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
        raise DocumentError(
            f"{path}: cannot be parsed: {at}{error.problem or error.context}. Look at the spaces that begin lines, and at marks"
        ) from error
    except (
        ValueError,
        ArithmeticError,
        RecursionError,
        yaml.YAMLError,
    ) as error:  # the parsers' own, and what numbers and depth do
        raise DocumentError(f"{path}: cannot be parsed: {error or type(error).__name__}") from error
    if not isinstance(content, dict):
        raise DocumentError(f"{path}: found {type(content).__name__}; expected keys and values at the top")
    return content


def parse_document(content: dict[str, Any], model: type[D], where: str) -> D:
    """The document in a plain mapping, checked against `model`; `where` names it in messages.

    Raises:
        DocumentError: with every fault at once.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        faults = document_faults(error.errors(include_url=False), model, where)
        raise DocumentError(
            f"{where}: not a valid {words_of(model)} ({len(faults)} fault{'s' if len(faults) > 1 else ''})", faults
        ) from error
