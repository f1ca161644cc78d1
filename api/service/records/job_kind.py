"""A kind of job, as one object: what is asked for, what is done, where the result stands, and what a partner sees of it.

`api/service/kinds` has one file a kind. Access, visibility, the description, the memory of answers, exports and routes read
these objects; what a kind does not name of its result is hidden from partners.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import polars as pl

from api.service.records.api_models import ApiModel
from api.service.records.pack import Pack
from api.service.records.stored import StoredFile, StoredFrame, StoredThings
from capitation.errors import UnknownNameError
from capitation.records.frames import Schema, content_digest

R = TypeVar("R", bound=ApiModel)

Who = Literal["anyone", "system"]
"""Whose callers may: those of any organisation, or of the one that runs the system."""


@dataclass(frozen=True)
class Visibility:
    """Which rows of a frame a partner sees.

    Args:
        own: columns that make a row one's own where any holds one's code or a code of one's area.
        area: columns among `own` that hold codes of areas and practices rather than of organisations.
        totals: column and value that mark totals of the system; every row is one where it is "*".
    """

    own: tuple[str, ...] = ()
    area: tuple[str, ...] = ()
    totals: tuple[str, str] | Literal["*"] | None = None


OPEN = Visibility(totals="*")
"""Every row is a total of the system."""


@dataclass(frozen=True)
class People:
    """How a frame counts people, or what happens to them.

    Args:
        count: column with numbers of people or events.
        within: columns that name a group whose total is shown elsewhere.
        order_by: columns that name a row in its group.
        also: columns that would give the count away.
        micro: whether the count is in millionths; a column of fractions is compared in millionths too.
        or_of: further columns of counts; a row is small where any of them is.
        subject: columns that name what is counted; where it is left out in one year or case, it is in all, since one follows from another.
        parted_by: columns over which there are totals in other tables or results, so that rows are left out beside in each.
        spread: two of these columns, such that what is left out of one value of either has two values of the other.
    """

    count: str
    within: tuple[str, ...]
    order_by: tuple[str, ...]
    also: tuple[str, ...] = ()
    micro: bool = False
    or_of: tuple[str, ...] = ()
    subject: tuple[str, ...] = ()
    parted_by: tuple[str, ...] = ()
    spread: tuple[str, str] | None = None


@dataclass(frozen=True)
class MadeOfPeople:
    """Columns of a frame from which the people of a practice, or of an area, could be worked out.

    Args:
        code: column with the practice or area.
        of_practice: columns that are left out for a practice whose people are.
        of_area: columns that are left out for an area in which the people of a practice are.
        is_whole_row: whether rows of such practices are left out whole, since nothing else is in them.
        of_line: columns that are left out for a line whose activity of the whole system is.
    """

    code: str
    of_practice: tuple[str, ...] = ()
    of_area: tuple[str, ...] = ()
    is_whole_row: bool = False
    of_line: tuple[str, ...] = ()


@dataclass(frozen=True)
class MadeOfRows:
    """Columns of a table of a settlement that are left out for rows with a small count, and for those beside them.

    Args:
        columns: their names; those that a table does not have count for nothing.
        amounts: whether the outputs of the contract are left out, too.
        by: how a row of the table names the row that was settled: by its `number` in the column row, by its `order`, or by its `account`;
            `any` where a row may be about several, so that all are left out where one is.
    """

    columns: tuple[str, ...] = ()
    amounts: bool = False
    by: Literal["number", "order", "account", "any"] = "number"


@dataclass(frozen=True)
class MadeOfParts:
    """Columns of a table that are left out where they would give a small part of a total away.

    Args:
        key: columns that name what is left out.
        columns: their names; those that a table does not have count for nothing.
        of: what the key names: what `HiddenPeople` has under this name; pairs stand either way round.
    """

    key: tuple[str, ...]
    columns: tuple[str, ...]
    of: Literal["pairs", "ends", "bare", "flows", "services", "tables"]


@dataclass(frozen=True)
class Example:
    """A result as the description shows it: its id, its content, and one row of one of its tables, money in pence."""

    id: str
    content: Mapping[str, Any]
    table: str = ""
    row: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Work:
    """What a runner is given: the request (documents and data pack by digest), and where to look them up.

    Args:
        job: id of the job.
        request: what was asked for, numbers with their digits.
        store: what is stored.
        pack: the data pack that the request names.
        shipped: texts of the documents of a kind that come with that pack, by name.
        report: reports how far the work is.
        is_cancelled: whether the work is not wanted any longer, so that long work may end.
    """

    job: str
    request: Mapping[str, Any]
    store: StoredThings
    pack: Pack
    shipped: Callable[[str], Mapping[str, str]]
    report: Callable[[str], None]
    is_cancelled: Callable[[], bool] = lambda: False

    def document(self, room: str, name: str, what: str) -> Path:
        """The document of a room of the data pack.

        Raises:
            UnknownNameError: the data pack has none of this name.
        """
        known = sorted(path.stem for path in self.pack.documents(room))
        if name not in known:
            raise UnknownNameError(f"{what} of the data pack", name, known)
        return self.pack.opened().path(f"{room}/{name}.toml")

    def text(self, kind: str, name: str, digest: str) -> str:
        """The content of a version of a document.

        Raises:
            UnknownNameError: it is not stored.
        """
        stored = self.store.document(kind, name, digest)
        if stored is None:
            raise UnknownNameError(kind, name, self.store.document_names(kind))
        return stored.content


@dataclass(frozen=True)
class JobResult:
    """What a job led to: the result's id, its content, its frames, and its files."""

    id: str
    content: Mapping[str, Any]
    frames: Mapping[str, pl.DataFrame]
    files: Mapping[str, StoredFile] = field(default_factory=dict)

    def stored(self) -> dict[str, StoredFrame]:
        """The frames as parquet bytes with their checksums."""
        return {name: stored_frame(name, frame) for name, frame in self.frames.items()}


def stored_frame(name: str, frame: pl.DataFrame) -> StoredFrame:
    """A frame as it is kept."""
    buffer = BytesIO()
    frame.write_parquet(buffer, compression="zstd", statistics=False)  # a third of a small table would be statistics
    return StoredFrame(name, frame.height, content_digest(frame), buffer.getvalue())


def nothing_more(_asked: Any, _sent: Mapping[str, Any], _store: StoredThings) -> dict[str, Any]:  # noqa: ANN401  # any request
    """A request holds nothing but the document it names and the data pack."""
    return {}


@dataclass(frozen=True)
class JobKind(Generic[R]):
    """One kind of job.

    Args:
        name: its name in the store, such as "run".
        address: the word of its results in addresses, such as "runs".
        order: where it stands in lists of kinds.
        about: what its results are, in a sentence.
        asks: what a request asks for, as in "Ask for the run of a scenario".
        request: the body of a request.
        run: does the work.
        example: a result.
        document: kind of document that the body names and whose version the request keeps; empty where it names none.
        more: what else a request keeps, from the checked body, the body as sent, and what is stored.
        frames: rows that a partner sees of each frame; a frame that is not named is hidden.
        people: frames that count people or events, whose small numbers are left out.
        made_of_rows: tables of a settlement with what follows from counts of its rows.
        made_of_parts: tables from which small parts of totals would follow.
        for_others: what those who do not make runs see of a frame that counts people or events in a way of its own, from the
            frame and the smallest number shown.
        content_for_others: the same of the content of a result.
        counts_of_mix: columns of the table `activity` of a mix, by whose point of delivery the counts are; where one is small and too few
            others are beside it to hide it in their sum, those who do not make runs see what partners see of the content, and no rows.
        made_of_people: frames with columns that follow from the people of practices, left out with them in every frame.
        partners_see: names in the content of a result that a partner sees; others are hidden.
        narrowed: what a partner sees of those among them that say more than is theirs, by name.
        schemas: schemas of the frames of a result that leaves as a workbook; None where it does not.
        has_tables: whether results have tables.
        read_by: who may read results.
        tag_after: the group of operations that its own follows in the description.
    """

    name: str
    address: str
    order: int
    about: str
    asks: str
    request: type[R]
    run: Callable[[Work], JobResult]
    example: Example
    document: str = ""
    more: Callable[[R, Mapping[str, Any], StoredThings], dict[str, Any]] = nothing_more
    frames: Mapping[str, Visibility] = field(default_factory=dict)
    people: Mapping[str, People] = field(default_factory=dict)
    made_of_people: Mapping[str, MadeOfPeople] = field(default_factory=dict)
    made_of_rows: Mapping[str, MadeOfRows] = field(default_factory=dict)
    made_of_parts: Mapping[str, MadeOfParts] = field(default_factory=dict)
    content_for_others: Callable[[Mapping[str, Any], int], dict[str, Any]] | None = None
    counts_of_mix: tuple[str, ...] = ()
    for_others: Mapping[str, Callable[[pl.DataFrame, int], pl.DataFrame]] = field(default_factory=dict)
    partners_see: frozenset[str] = frozenset()
    narrowed: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    schemas: Mapping[str, type[Schema]] | None = None
    has_tables: bool = True
    read_by: Who = "anyone"
    tag_after: str = ""
