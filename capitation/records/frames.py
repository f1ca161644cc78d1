"""Typed frames: a schema names each column's type, unit and meaning, its limits, its key and its promises.

`Schema.validate` refuses missing, unexpected, wrongly typed, empty, out-of-range and repeated rows and broken
promises, reports every fault at once with an example row, and returns the rows in key order. `Frame[Schema]` exists for
the type checker; at run time it is a plain polars frame.
"""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from io import BytesIO
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypedDict, TypeVar, Unpack, cast

import polars as pl

from capitation.errors import Fault, FrameError, suggest

S = TypeVar("S", bound="Schema")

EVERY_ROW = "a value in every row"
"""What is expected of a column that may not be empty."""

if TYPE_CHECKING:

    class Frame(pl.DataFrame, Generic[S]):
        """A polars frame whose columns, types, key and promises are those of the schema `S`."""

else:

    class Frame:
        """Stands for a polars frame at run time; only the type checker sees the schema."""

        def __class_getitem__(cls, _schema: object) -> type[pl.DataFrame]:
            return pl.DataFrame


class Changes(TypedDict, total=False):
    """What `Column.but` may change; the type of a column stays."""

    unit: str
    about: str
    key: bool
    ge: float | None
    le: float | None
    nullable: bool
    one_of: Sequence[str] | None


class Column:
    """One column: its type, unit and meaning, and the limits its values keep."""

    def __init__(
        self,
        dtype: type[pl.DataType] | pl.DataType,
        unit: str,
        about: str,
        *,
        key: bool = False,
        ge: float | None = None,
        le: float | None = None,
        nullable: bool = False,
        one_of: Sequence[str] | None = None,
    ) -> None:
        self.dtype, self.unit, self.about, self.key = dtype, unit, about, key
        self.ge, self.le, self.nullable, self.one_of = ge, le, nullable, one_of
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        if self.name not in {"", name}:
            raise TypeError(
                f"{owner.__name__}.{name} is the shared column {self.name!r}; a shared column keeps its name"
            )
        self.name = name

    def but(self, **changes: Unpack[Changes]) -> Column:
        """A copy of this column with what differs in one table, such as its key, its limits or its meaning."""
        other = copy(self)
        for attribute, value in changes.items():
            setattr(other, attribute, value)
        return other

    @property
    def col(self) -> pl.Expr:
        """The polars expression for this column."""
        return pl.col(self.name)


class Schema:
    """The base of every table: columns are class attributes, promises are returned by `rules`."""

    _columns: ClassVar[dict[str, Column]] = {}
    _made_checks: ClassVar[dict[str, tuple[str, str, pl.Expr]]]
    _made_counts: ClassVar[list[pl.Expr]]
    _made_others: ClassVar[list[pl.Expr]]
    _made_filled: ClassVar[list[str]]
    _made_types: ClassVar[pl.Schema]

    def __init_subclass__(cls) -> None:
        own = {name: value for name, value in vars(cls).items() if isinstance(value, Column)}
        cls._columns = {**cls._columns, **own}

    @classmethod
    def columns(cls) -> dict[str, Column]:
        """Columns by name, in order."""
        return dict(cls._columns)

    @classmethod
    def key(cls) -> list[str]:
        """Names of the columns that together name one row."""
        return [name for name, column in cls._columns.items() if column.key]

    @classmethod
    def rules(cls) -> dict[str, pl.Expr]:
        """Promises in words, each with an expression that is true on every row that keeps it."""
        return {}

    @classmethod
    def dtypes(cls) -> dict[str, Any]:
        """Types by column name, as polars wants them."""
        return {name: column.dtype for name, column in cls._columns.items()}

    @classmethod
    def empty(cls: type[S]) -> Frame[S]:
        """A frame with this schema's columns and no rows."""
        return cast("Frame[S]", pl.DataFrame(schema=cls.dtypes()))

    @classmethod
    def validate(
        cls: type[S], frame: pl.DataFrame, where: str = "", line: Callable[[int], int] | None = None
    ) -> Frame[S]:
        """`frame` with its columns in the schema's order and its rows in key order, once every promise is kept.

        Args:
            frame: the rows to check.
            where: a name for messages, such as a file; the schema's name by default.
            line: the line of its file that each row stands on, for messages.

        Raises:
            FrameError: every fault found, each with an example row.
        """
        place = where or cls.__name__
        faults = [] if frame.schema == cls._types() else list(cls._column_faults(frame, place))
        if not faults:
            faults = list(cls._row_faults(frame, place, line))
        if faults:
            raise FrameError(
                f"{place}: rows do not keep the schema {cls.__name__} ({len(faults)} fault{'s' if len(faults) > 1 else ''})",
                faults,
            )
        ordered = frame if frame.columns == list(cls._columns) else frame.select(list(cls._columns))
        return cast("Frame[S]", ordered.sort(cls.key()) if cls.key() and ordered.height > 1 else ordered)

    @classmethod
    def _types(cls) -> pl.Schema:
        """Types of the columns, in order, made once."""
        if "_made_types" not in vars(cls):
            cls._made_types = pl.Schema(cls.dtypes())
        return cls._made_types

    @classmethod
    def _column_faults(cls, frame: pl.DataFrame, place: str) -> list[Fault]:
        has = frame.schema
        faults = [
            Fault(place, f"no column {name!r}", f"{column.about} ({column.unit})", suggest(name, frame.columns))
            for name, column in cls._columns.items()
            if name not in has
        ]
        faults += [
            Fault(place, f"an unexpected column {name!r}", "only the schema's columns", suggest(name, cls._columns))
            for name in has
            if name not in cls._columns
        ]
        faults += [
            Fault(f"{place}: column {name!r}", f"type {has[name]}", f"type {column.dtype}")
            for name, column in cls._columns.items()
            if name in has and has[name] != column.dtype
        ]
        return faults

    @classmethod
    def _checks(cls) -> dict[str, tuple[str, str, pl.Expr]]:
        """Each check by its label: what it is about, what it expects, and an expression that is true where it is broken."""
        if "_made_checks" in vars(cls):
            return cls._made_checks
        checks: dict[str, tuple[str, str, pl.Expr]] = {}
        for name, column in cls._columns.items():
            value = pl.col(name)
            if not column.nullable:
                checks[f"{name}:empty"] = (f"column {name!r}", EVERY_ROW, value.is_null())
            if column.dtype.is_float():
                checks[f"{name}:number"] = (f"column {name!r}", "a finite number", ~value.is_finite())
            if column.ge is not None:
                checks[f"{name}:ge"] = (f"column {name!r}", f"at least {column.ge:g}", value < column.ge)
            if column.le is not None:
                checks[f"{name}:le"] = (f"column {name!r}", f"at most {column.le:g}", value > column.le)
            if column.one_of is not None:
                checks[f"{name}:of"] = (
                    f"column {name!r}",
                    f"one of {', '.join(column.one_of)}",
                    ~value.is_in(list(column.one_of)),
                )
        for promise, holds in cls.rules().items():
            checks[f"rule:{promise}"] = ("rows", promise, ~holds)
        if cls.key():
            checks["key"] = ("key", f"unique {', '.join(cls.key())}", pl.struct(cls.key()).is_duplicated())
        cls._made_checks = {
            label: (subject, expected, broken.fill_null(False)) for label, (subject, expected, broken) in checks.items()
        }
        counts = {label: broken.sum().alias(label) for label, (_, _, broken) in cls._made_checks.items()}
        cls._made_counts = list(counts.values())
        cls._made_filled = [name for name, column in cls._columns.items() if not column.nullable]
        cls._made_others = [count for label, count in counts.items() if label.partition(":")[2] != "empty"]
        return cls._made_checks

    @classmethod
    def _row_faults(cls, frame: pl.DataFrame, place: str, line: Callable[[int], int] | None = None) -> list[Fault]:
        checks = cls._checks()
        if frame.is_empty() or not checks:
            return []
        filled = not any(frame.get_column(name).null_count() for name in cls._made_filled)
        asked = cls._made_others if filled else cls._made_counts
        counts = frame.select(asked).row(0, named=True) if asked else {}
        faults = []
        for label, (subject, expected, broken) in checks.items():
            if counts.get(label):
                first = int(frame.select(broken).to_series().arg_true()[0])
                row = frame.row(first, named=True)
                shown = {k: row[k] for k in dict.fromkeys([*cls.key(), label.split(":")[0]]) if k in row} or row
                text = ", ".join(f"{k}={v!r}" for k, v in shown.items())
                text += f" (line {line(first)})" if line is not None else ""
                faults.append(
                    Fault(f"{place}: {subject}", f"{counts[label]} row(s) that do not, such as {text}", expected)
                )
        return faults


def content_digest(frame: pl.DataFrame) -> str:
    """Checksum of a frame's column names, types and values; worked out once for a frame at hand, which nobody changes in place."""
    number, head = id(frame), f"{frame.height}\n{_head(frame)}\n"
    known = _DIGESTS.get(number)
    if known is not None and known[0]() is frame and known[1] == head:
        return known[2]
    total = hashlib.sha256(f"{_head(frame)}\n".encode())
    total.update(_csv(frame))
    found = total.hexdigest()
    _DIGESTS[number] = (weakref.ref(frame, lambda _: _DIGESTS.pop(number, None)), head, found)
    return found


_DIGESTS: dict[int, tuple[weakref.ref[pl.DataFrame], str, str]] = {}
"""Checksums of frames at hand by their number in memory; one goes with its frame."""


def rows_text(frame: pl.DataFrame) -> bytes:
    """The rows of a frame as `content_digest` reads them, for `joined_digest`."""
    return bytes(_csv(frame, include_header=False))


def joined_digest(frame: pl.DataFrame, texts: Iterable[bytes]) -> str:
    """`content_digest` of a frame whose rows are those of several parts, one after the other, from the parts' texts.

    Args:
        frame: the frame; its columns are read, not its rows.
        texts: `rows_text` of each part.
    """
    total = hashlib.sha256(f"{_head(frame)}\n{frame.clear().write_csv()}".encode())
    for text in texts:
        total.update(text)
    return total.hexdigest()


def _csv(frame: pl.DataFrame, *, include_header: bool = True) -> memoryview:
    """A frame as CSV in the bytes that it is written in, which are hashed as they are."""
    written = BytesIO()
    frame.write_csv(written, include_header=include_header)
    return written.getbuffer()


def _head(frame: pl.DataFrame) -> str:
    return ",".join(f"{name}:{dtype}" for name, dtype in frame.schema.items())
