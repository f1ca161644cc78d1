"""The audit log: who did what to which thing, each record chained to the one before, so that a change shows.

    sha256_n = SHA-256( canonical text of { number n, previous = sha256_(n-1), event } )      sha256_0 = 64 zeros

Records are only ever added. `verify` walks the chain and names the first link that does not hold: a changed word, a
record taken out, put in or moved. The log also keeps its head, the number and checksum of the last record, apart from
the records, so that a missing end shows too. Whoever can rewrite records and head together can rewrite the whole chain;
a head that was noted elsewhere, in minutes or with the auditors, shows that as well.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Protocol, runtime_checkable

from pydantic import Field, StringConstraints, ValidationError

from api.service.records.failures import ProblemError
from api.service.security.proofs.credentials import masked
from capitation.errors import SourceError
from capitation.records.documents import Document
from capitation.records.identity import canonical, digest

GENESIS = "0" * 64
"""What stands in the first record for the checksum of the one before."""

RETRIES = 50
"""How often a record is chained anew because another writer was first, before it is given up."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Moment = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$")]


class AuditError(ProblemError):
    """A record could not be added to the audit log, so what it records must not happen either."""

    kind = "store-unavailable"


class NumberTakenError(AuditError):
    """Another writer added the record of this number first."""


class AuditEvent(Document):
    """What one record says; keys, tokens and passwords in its words are masked before it is made."""

    at: Moment = Field(examples=["2018-03-28T14:30:00.000000Z"])
    """When, by the service's clock, in UTC. The order of the log is the records' number: clocks can go back."""
    actor: str = Field(examples=["ben"])
    """Subject who did it."""
    organisation: str = Field(examples=["VALE"])
    """Code of the organisation they acted for."""
    action: str = Field(examples=["approvals.create"])
    """What was done, such as "approvals.create"."""
    subject: str = Field(examples=["runs/f10e0a9b83f73e51"])
    """What it was done to, such as "runs/f10e0a9b83f73e51"."""
    outcome: str = Field(examples=["done"])
    """How it ended: "done", or the code of the refusal."""
    correlation: str = Field(default="", examples=["9f9db0f5a14e45be9c1a632efea1038d"])
    """Id of the request."""
    detail: dict[str, str] = Field(default_factory=dict, examples=[{"note": "agreed by the board"}])
    """Further words by name."""


class AuditRecord(Document):
    """One link of the chain."""

    number: int = Field(ge=1, examples=[1])
    """1 for the first, one more for each later one."""
    previous: Sha256 = Field(examples=[GENESIS])
    """Checksum of the record before; zeros for the first."""
    event: AuditEvent
    """What happened."""
    sha256: Sha256 = Field(examples=["6b" * 32])
    """Checksum of number, previous and event."""


class Head(Document):
    """The end of the log: number and checksum of its last record."""

    number: int = Field(ge=0, examples=[1])
    """Number of the last record; 0 where there is none."""
    sha256: Sha256 = Field(examples=["6b" * 32])
    """Its checksum; zeros where there is none."""


class AuditLog(Protocol):
    """Where records are kept: added one at a time with the head, and read in the order they were added."""

    def head(self) -> Head:
        """The head as it is kept beside the records."""
        ...

    def append(self, record: AuditRecord) -> None:
        """Add a record and move the head to it, both or neither.

        Raises:
            NumberTakenError: a record of this number is there already.
        """
        ...

    def read(self) -> Iterator[AuditRecord]:
        """All records, by number."""
        ...


@runtime_checkable
class Momentary(Protocol):
    """A log that others may add to while it is read."""

    def moment(self) -> AbstractContextManager[tuple[Head, Iterator[AuditRecord]]]:
        """The head and all records as they are at one moment, whatever is added meanwhile."""
        ...


class Break(Document):
    """Where the chain first does not hold."""

    position: int
    """Which record, counted from 1 in the order of the log; one past the last where the end is missing."""
    found: str
    """What stands there."""
    expected: str
    """What should."""


class Verdict(Document):
    """What walking the chain found."""

    records: int = Field(examples=[1])
    """Records that hold, up to the break if there is one."""
    head: Head
    """The last record that holds; note it elsewhere to show later that nothing before it was rewritten."""
    broken: Break | None = Field(default=None, examples=[None])
    """The first break, or nothing where the whole chain holds."""

    @property
    def holds(self) -> bool:
        """Whether every record and the head hold."""
        return self.broken is None


def event(
    at: dt.datetime,
    actor: str,
    organisation: str,
    action: str,
    subject: str,
    outcome: str = "done",
    *,
    correlation: str = "",
    **detail: str,
) -> AuditEvent:
    """An event at a moment (with its time zone), secrets in its words masked."""
    return AuditEvent(
        at=at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        actor=masked(actor),
        organisation=masked(organisation),
        action=masked(action),
        subject=masked(subject),
        outcome=masked(outcome),
        correlation=masked(correlation),
        detail={name: masked(text) for name, text in sorted(detail.items())},
    )


def record(log: AuditLog, happened: AuditEvent) -> AuditRecord:
    """The record that was added for an event; where another writer was first it is chained to theirs.

    Raises:
        AuditError: the log is so busy that the record could not be added.
    """
    for _ in range(RETRIES):
        made = link(log.head(), happened)
        try:
            log.append(made)
        except NumberTakenError:
            continue
        return made
    raise AuditError(
        f"audit log: found another writer first {RETRIES} times; nothing was recorded and nothing must be done"
    )


def link(head: Head, happened: AuditEvent) -> AuditRecord:
    """The record of an event that follows a head."""
    number = head.number + 1
    return AuditRecord(
        number=number, previous=head.sha256, event=happened, sha256=checksum(number, head.sha256, happened)
    )


def checksum(number: int, previous: str, happened: AuditEvent) -> str:
    """The checksum that a record of these must carry: 64 hexadecimal digits."""
    body = {"number": number, "previous": previous, "event": happened.model_dump()}
    return digest(canonical(body))


def no_head() -> Head:
    """The head of an empty log."""
    return Head(number=0, sha256=GENESIS)


def verify(records: Iterable[AuditRecord], kept: Head | None = None, noted: Iterable[Head] = ()) -> Verdict:
    """What walking a chain finds, up to its first break.

    Args:
        records: all records in the order of the log.
        kept: the head that the log keeps; without it a missing end cannot show.
        noted: heads noted earlier elsewhere; each must stand in the chain as it was.
    """
    head, earlier = no_head(), {each.number: each.sha256 for each in noted}
    for found in records:
        broken = _break(found, head, earlier)
        if broken is not None:
            return Verdict(records=head.number, head=head, broken=broken)
        head = Head(number=found.number, sha256=found.sha256)
    ends = [*([kept] if kept is not None else []), *(Head(number=n, sha256=s) for n, s in sorted(earlier.items()))]
    for end in ends:
        if end.number > head.number or (end is kept and end != head):
            broken = Break(position=head.number + 1, found=_end(head), expected=_end(end))
            return Verdict(records=head.number, head=head, broken=broken)
    return Verdict(records=head.number, head=head)


def verify_log(log: AuditLog, noted: Iterable[Head] = ()) -> Verdict:
    """What walking a kept log finds, as it is at one moment: what is added meanwhile is neither missing nor too much."""
    if isinstance(log, Momentary):
        with log.moment() as (head, records):
            return verify(records, head, noted)
    return verify(log.read(), log.head(), noted)


def export_text(records: Iterable[AuditRecord], head: Head) -> Iterator[str]:
    """The lines of a log's file: one record each, then its head; the same records give the same bytes."""
    for each in records:
        yield record_text(each) + "\n"
    yield canonical({"head": head.model_dump()}) + "\n"


def record_text(each: AuditRecord) -> str:
    """One record as one line of canonical JSON."""
    return canonical(each.model_dump())


def verify_file(path: Path, noted: Iterable[Head] = ()) -> Verdict:
    """What walking the chain of an exported file finds; a line that is not a record, or is written otherwise, breaks it.

    Raises:
        SourceError: there is no such file, or it is not text.
    """
    try:
        lines = path.read_bytes().decode("utf-8").splitlines(keepends=True)
    except FileNotFoundError:
        raise SourceError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: cannot be read as UTF-8 text ({type(error).__name__})") from error
    kept = _read_head(lines[-1]) if lines else None
    records: list[AuditRecord] = []
    broken = None
    for line in lines if kept is None else lines[:-1]:
        read = _read(line)
        if read is None:
            found = "a line that is no record as it was written"
            broken = Break(position=len(records) + 1, found=found, expected="a record")
            break
        records.append(read)
    if broken is None and kept is None:
        broken = Break(position=len(records) + 1, found="no head", expected="the log's head in the last line")
    if broken is None:
        return verify(records, kept, noted)
    before = verify(records)
    return before.model_copy(update={"broken": broken}) if before.holds else before


def parse_head(text: str) -> Head:
    """A head written as NUMBER:CHECKSUM.

    Raises:
        SourceError: the text is of another form.
    """
    number, _, sha256 = text.partition(":")
    try:
        return Head(number=int(number), sha256=sha256)
    except ValueError:
        raise SourceError(
            f"head {text!r}: expected the record's number, a colon and its checksum of 64 hexadecimal digits"
        ) from None


def _break(found: AuditRecord, head: Head, earlier: dict[int, str]) -> Break | None:
    position = head.number + 1
    if found.number != position:
        return Break(position=position, found=f"record {found.number}", expected=f"record {position}")
    if found.previous != head.sha256:
        return Break(position=position, found=f"a link to {found.previous}", expected=f"a link to {head.sha256}")
    expected = checksum(found.number, found.previous, found.event)
    if found.sha256 != expected:
        return Break(position=position, found=f"checksum {found.sha256}", expected=f"checksum {expected}")
    if earlier.get(position, found.sha256) != found.sha256:
        return Break(position=position, found=f"checksum {found.sha256}", expected=f"{earlier[position]}, as noted")
    return None


def _end(head: Head) -> str:
    return f"record {head.number} with checksum {head.sha256} as the last" if head.number else "no record"


def _read(line: str) -> AuditRecord | None:
    try:
        read = AuditRecord.model_validate_json(line)
    except ValidationError:
        return None
    return read if record_text(read) + "\n" == line else None


def _read_head(line: str) -> Head | None:
    try:
        content = json.loads(line)
        return Head.model_validate(content["head"])
    except (ValueError, KeyError, TypeError):
        return None


__all__ = [
    "GENESIS",
    "AuditError",
    "AuditEvent",
    "AuditLog",
    "AuditRecord",
    "Break",
    "Head",
    "NumberTakenError",
    "Verdict",
    "checksum",
    "event",
    "export_text",
    "link",
    "no_head",
    "parse_head",
    "record",
    "record_text",
    "verify",
    "verify_file",
    "verify_log",
]
