"""What a journal is the only one of: accounts of ledgers in months. Names that people choose do not count, only what is paid.

    allocations to providers   ledger of the commissioner, currency, months
    totals of localities       locality, currency, months
    statements                 contract, party, account, line, currency, months

A run's system, scenario and id are labels: the same allocations under others are the same money. So is a period written in another way,
and a code in other case, width or spacing. A contract can be put under another id, so each claim of a statement also carries what is
paid: the same party, account, amount and currency in the same months are the same money whatever the contract is called.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from api.service.records.periods import PostingPeriod, period_of
from capitation.records.identity import canonical, digest

_READ_AS = {
    # Greek and Cyrillic
    "\u0430\u0432\u0435\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0456\u0458\u0455\u0501\u051b\u051d\u04bb\u04cf\u0475\u04af\u0461\u044c\u0585": "abekmhopctyxijsdqwhlvywbo",
    "\u03b1\u03b5\u03b9\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7\u03b2\u03b6\u03b7\u03bc\u03b3": "aeiikvoptuxbzhmy",
    # small capitals, letters of phonetics, and letters with a stroke
    "\u0131\u1d00\u0299\u1d04\u1d05\u1d07\ua730\u0262\u029c\u026a\u1d0a\u1d0b\u029f\u1d0d\u0274\u1d0f\u1d18\u0280\ua731\u1d1b\u1d1c\u1d20\u1d21\u028f\u1d22": "iabcdefghijklmnoprstuvwyz",
    "\u0251\u025b\u0261\u0269\u028b\u026f\u00f8\u0142\u0111\u0127\u0167\u0185": "aegivwoldhtb",
    # Armenian and Coptic
    "\u0570\u0578\u057d\u0581\u0566": "hnugq",
    "\u2c81\u2c89\u2c93\u2c95\u2c99\u2c9b\u2c9f\u2ca3\u2ca5\u2ca7\u2ca9\u2cad": "aeikmnopctyx",
    # Cherokee and Lisu, which have capitals only
    "\u13a0\u13a1\u13a2\u13a5\u13a9\u13aa\u13ab\u13ac\u13b3\u13b7\u13bb\u13bd\u13c0\u13c2\u13c3\u13cf\u13d2\u13d4\u13d5\u13d9\u13da\u13de\u13df\u13e2\u13e6\u13e7\u13f4\u13fb": "drtiyajewmhyghzbrwsvslcpkdbg",
    "\ua4d0\ua4d1\ua4d3\ua4d4\ua4d6\ua4d7\ua4d9\ua4da\ua4dc\ua4dd\ua4df\ua4e0\ua4e1\ua4e2\ua4e3\ua4e6\ua4e7\ua4ea\ua4eb\ua4ec\ua4ee\ua4f0\ua4f2\ua4f3\ua4f4": "bpdtgkjczfmnlsrvhwxyaeiou",
    # flags are written with letters of their own
    "".join(map(chr, range(0x1F1E6, 0x1F200))): "abcdefghijklmnopqrstuvwxyz",
}
"""Letters of other scripts, each with the Latin one by which it is read."""

LOOK_ALIKE = {ord(one): read for letters, latin in _READ_AS.items() for one, read in zip(letters, latin, strict=True)}
"""Letters that look like Latin letters, by which they are read."""

_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {chr(n) for n in range(0xFE00, 0xFE10)}
"""Marks and letters that show nothing, beside what Unicode calls format and control characters."""

_DASHES = dict.fromkeys((*range(0x2010, 0x2016), 0x2043, 0x2212), ord("-"))
"""Dashes and the minus sign, by which a hyphen is meant."""

_SIGMA = {0x03F9: ord("c"), 0x03F2: ord("c")}
"""The sigma that looks like a c, which would be taken for the other one."""

_AT_ENDS = " .,:;'`\u00b4\u2018\u2019\u201c\u201d\"!?-"
"""Signs that say nothing before or after a code."""

ACCOUNT_PARTS = " / "
"""What parts the codes of a contract's account."""


@dataclass(frozen=True)
class Claim:
    """One account of one ledger in some months.

    Args:
        key: what it is, as a digest; two claims of one key and a month in common are the same money.
        money: what is paid, as a digest that leaves the contract's name out; empty where the key has no such name.
        account: what it is, in words.
        profile: how a year was parted into months; empty where it was not.
        first_month: first month, counted from the year 0.
        last_month: last month.
    """

    key: str
    money: str
    account: str
    profile: str
    first_month: int
    last_month: int


def alike(text: str) -> str:
    """A code without what may differ between two ways of writing it.

    That is case, width, accents, dashes, spaces, signs at its ends, the script of digits, and what cannot be seen or only looks alike.

    Example:
        "RYV", "ryv ", "RYV.", "R\u200bYV" and "RY\u0474" (a Cyrillic letter at its end) are one code.
    """
    plain = read_plainly(text).translate(_DASHES)
    seen = "".join(letter for letter in plain if letter.isspace() or not _is_unseen(letter))
    return " ".join(seen.split()).strip(_AT_ENDS) or " ".join(seen.split())


def read_plainly(text: str) -> str:
    """A text in one case, width and script, with digits of any script as 0 to 9; marks and signs stay as they are."""
    plain = unicodedata.normalize("NFKD", text.translate(_SIGMA)).casefold().translate(LOOK_ALIKE)
    return plain if plain.isascii() else "".join(_digit(letter) for letter in plain)


def _digit(letter: str) -> str:
    return str(unicodedata.decimal(letter)) if letter.isdecimal() else letter


def visible_length(text: str) -> int:
    """How many characters of a text can be seen."""
    return sum(not letter.isspace() and not _is_unseen(letter) for letter in text)


def _is_unseen(letter: str) -> bool:
    return unicodedata.category(letter) in {"Cc", "Cf", "Co", "Cn", "Mn", "Me"} or letter in _UNSEEN


def claims_of(
    covered: pl.DataFrame, source: str, owner: str, period: str, currency: str, profile: str = ""
) -> tuple[Claim, ...]:
    """What a journal claims.

    Args:
        covered: organisation_code, area_code, service_code and, where it is known, amount_pence of each movement, those of 0 too.
        source: what the journal is made from.
        owner: the contract's id; of no weight for runs.
        period: the period, as the journal writes it.
        currency: its currency.
        profile: how a year was parted into months, where it was.
    """
    found = period_of(period)
    label, months = ("", found) if found is not None else (alike(period), PostingPeriod(0, 0))
    amounts: dict[tuple[str, ...], int] = {}
    words: dict[tuple[str, ...], str] = {}
    has_amounts = "amount_pence" in covered.columns
    for row in covered.iter_rows(named=True):
        named, shown = _named(row, source, owner)
        amounts[named] = amounts.get(named, 0) + (int(row["amount_pence"]) if has_amounts else 0)
        words.setdefault(named, shown)
    return tuple(
        Claim(
            key=_short([source, *named, currency, label]),
            money=_money(named, amounts[named], currency, label) if source == "statement" else "",
            account=words[named],
            profile=profile,
            first_month=months.first_month,
            last_month=months.last_month,
        )
        for named in sorted(amounts)
    )


def claims_of_content(content: Mapping[str, Any], owner: str) -> tuple[Claim, ...]:
    """What a journal claims, from its JSON file; amounts of statements are not counted, since their sign is not in it."""
    lines = pl.DataFrame(
        [{name: line[name] for name in ("organisation_code", "area_code", "service_code")} for line in content["lines"]]
    ).unique(maintain_order=True)
    return claims_of(lines, content["journal_source"], owner, content["period"], content["currency"])


def accounts_shown(claims: Iterable[str], most: int = 5) -> str:
    """Accounts in words, the first few of them."""
    names = sorted(set(claims))
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{'; '.join(names[:most])}{more}"


def _named(row: Mapping[str, Any], source: str, owner: str) -> tuple[tuple[str, ...], str]:
    ledger, area, service = (str(row[name] or "") for name in ("organisation_code", "area_code", "service_code"))
    if source == "provider_allocation":
        return (alike(ledger),), f"ledger of {ledger}"
    if source == "locality_total":
        return (alike(area),), f"locality {area}"
    account = ACCOUNT_PARTS.join(alike(part) for part in area.split(ACCOUNT_PARTS))
    return (alike(owner), alike(ledger), account, alike(service)), f"ledger of {ledger}, account {area}, {service}"


def _money(named: tuple[str, ...], amount: int, currency: str, label: str) -> str:
    """What a statement pays, by party, account (its codes in any order) and amount; empty for nothing."""
    _, party, account, _ = named
    return "" if amount == 0 else _short([party, sorted(account.split(ACCOUNT_PARTS)), amount, currency, label])


def _short(parts: list[Any]) -> str:
    return digest(canonical(parts))[:32]
