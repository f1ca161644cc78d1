"""A contract's payment as the programme's payment terms: what a provider loses as tariff value goes, exactly, or a refusal.

With v the tariff value done if nothing is bought, P the contract's payment and d the tariff value no longer done,

    loss(d) = P(v) - P(v - d)

The bends of P, read from right to left, are the bends of `loss`. The programme takes any continuous `loss` that never
falls exactly: a straight one as it stands, a bent one with a yes-or-no variable for each bend, because pieces are then
gone through in order. A payment that leaps, that is curved, that rises as activity falls, or that rests on several
amounts at once cannot be written so and is refused by name. Nothing is straightened in silence.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from capitation.errors import ContractError, Fault, suggest
from contracts.document.contract import Contract
from contracts.language.pieces import CLOSE, Kind, Piece, Pieces
from contracts.language.tables import NO_TABLES, Tables
from contracts.settlement.payoff import payoff
from contracts.terms._base import Row, Term
from optimiser.blocks.income import PaymentPiece, PaymentTerms

PENNY = Decimal("0.01")
"""Bends stand at whole pence of tariff value: moved by at most half a penny."""

_FLAT = 1e-9
"""A slope closer to 0 than this part of the steepest is 0, and two closer to each other than this part of their size are one."""

_LEAP = 0.005
"""A leap of less than half a penny is the rounding of amounts that cancel, and is none."""


@dataclass(frozen=True)
class ExactTerms:
    """A contract's payment as the programme takes it.

    Args:
        terms: what goes into the problem's `payment_terms`.
        kind: how the loss bends; "linear" needs no yes-or-no variable.
        flags: what a reader should know, such as that bends make the programme one of whole numbers.
    """

    terms: PaymentTerms
    kind: Kind
    flags: tuple[str, ...]

    def income_lost(self, tariff_lost_pounds: float) -> float:
        """Pounds of income lost for pounds of tariff value not done, through the pieces as the programme takes them."""
        pieces = [(float(piece.from_pounds), float(piece.slope)) for piece in self.terms.pieces]
        ends = [start for start, _ in pieces[1:]] + [math.inf]
        return sum(
            slope * max(0.0, min(tariff_lost_pounds, end) - start)
            for (start, slope), end in zip(pieces, ends, strict=True)
        )


def exact_terms(
    paid: Pieces,
    *,
    provider: str,
    done_pounds: float,
    points_of_delivery: Sequence[str] = (),
    per_tariff_pound: Mapping[str, float] | float = 1.0,
    what: str = "the contract",
) -> ExactTerms:
    """The payment terms of a payment that is a function of one amount, in pounds.

    Args:
        paid: the payment as exact pieces of the amount.
        provider: who is paid.
        done_pounds: the amount if nothing is bought, such as the tariff value of unmitigated activity.
        points_of_delivery: kinds of activity under the terms; all where none is named.
        per_tariff_pound: how much the amount falls for each pound of tariff value not done: 1 where the amount is tariff
            value, the variable part of cost where it is a cost. By point of delivery it must be one rate: where they
            differ the payment is no function of tariff value alone, and is refused.
        what: the contract's or clause's name, for messages.

    Raises:
        ContractError: the payment leaps inside the range, rises as activity falls, or follows no single rate.

    Example:
        Full price up to £100, 70% above, and £110 done: the first £10 not done lose £7, all after that the full price.
    """
    rate = _one_rate(per_tariff_pound, what, provider)
    lost = _lost(paid, done_pounds, rate)
    span = done_pounds / rate
    opening = lost.pieces[0].at(0.0)
    leaps = [(0.0, opening)] if abs(opening) > max(_LEAP, CLOSE * abs(paid.at(done_pounds))) else []
    leaps += [(at, size) for at, size in lost.jumps if at < span and abs(size) > _LEAP]
    if leaps:
        at, size = leaps[0]
        found = f"a leap of £{size:,.2f} where £{at:,.2f} of tariff value is not done"
        raise _not_exact(what, provider, found, "a payment without leaps between nothing bought and nothing done")
    pieces: list[tuple[Decimal, Decimal]] = []
    flat = _FLAT * max(1.0, *(abs(piece.slope) for piece in lost.pieces))
    for piece in lost.pieces:
        start = max(0.0, piece.start)
        if start >= span and pieces:
            break
        slope = 0.0 if abs(piece.slope) <= flat else piece.slope
        if slope < 0:
            found = f"a payment that rises by £{-slope:,.4f} for each £1 not done from £{start:,.2f} on"
            raise _not_exact(what, provider, found, "a payment that never rises as activity falls")
        begins, each = Decimal(repr(start)).quantize(PENNY), Decimal(repr(round(slope, 12)))
        if pieces and abs(each - pieces[-1][1]) <= Decimal(repr(_FLAT)) * max(Decimal(1), abs(each)):
            continue
        if pieces and begins == pieces[-1][0]:
            pieces[-1] = (begins, each)
            continue
        pieces.append((begins, each))
    terms = PaymentTerms(
        provider=provider,
        points_of_delivery=tuple(points_of_delivery),
        pieces=tuple(PaymentPiece(from_pounds=at, slope=slope) for at, slope in pieces),
    )
    kind = _kind([float(slope) for _, slope in pieces])
    return ExactTerms(terms, kind, _flags(what, provider, kind, len(pieces)))


def _not_exact(what: str, provider: str, found: str, expected: str) -> ContractError:
    instead = "See what the mix is worth under this contract instead (`capitation plan --who-gains`)."
    message = f"{what}: what {provider} loses cannot be written exactly in a programme"
    return ContractError(message, [Fault(what, found, expected, instead)])


def term_terms(
    term: Term,
    at: Row,
    *,
    provider: str,
    done_pounds: float,
    points_of_delivery: Sequence[str] = (),
    per_tariff_pound: Mapping[str, float] | float = 1.0,
    tables: Tables = NO_TABLES,
) -> ExactTerms:
    """The payment terms of one clause, in pounds, other names of the clause taking the values `at`.

    Raises:
        ContractError: the clause is not a function of one amount, is curved, or as `exact_terms`.
    """
    pieces = term.pieces(at, tables)
    what = f"clause {term.step!r} ({term.term})"
    if pieces is None or term.kind == "curved":
        found = "a curve" if pieces is not None else "a clause that rests on more than one amount"
        raise ContractError(
            f"{what}: cannot be written exactly in a programme", [Fault(what, found, "straight pieces of one amount")]
        )
    return exact_terms(
        pieces,
        provider=provider,
        done_pounds=done_pounds,
        points_of_delivery=points_of_delivery,
        per_tariff_pound=per_tariff_pound,
        what=what,
    )


def contract_terms(
    contract: Contract,
    row: Mapping[str, Any],
    varied: str,
    *,
    provider: str,
    points_of_delivery: Sequence[str] = (),
    per_tariff_pound: Mapping[str, float] | float = 1.0,
) -> ExactTerms:
    """The payment terms of a whole contract: everything it pays the provider, as one amount of one row falls from what it is.

    Args:
        contract: the contract; its payments to and from the provider are added up.
        row: one row as it is if nothing is bought, by the names of the inputs' columns, in the contract's amounts.
        varied: the number input that falls, such as `actual_value_pence`.
        provider: who is paid.
        points_of_delivery: kinds of activity under the terms.
        per_tariff_pound: how much the input falls for each pound of tariff value not done, as in `exact_terms`.

    Raises:
        ContractError: an unknown input; a clause pools rows, so that the payment is no function of one of them; or as `exact_terms`.
    """
    what = f"contract {contract.id}"
    pooled = [f"{term.step} ({term.term})" for term in contract.terms if term.runs_across_rows()]
    if pooled:
        message = f"{what}: what {provider} loses is no function of one row"
        raise ContractError(
            message,
            [
                Fault(
                    f"{what}, step {step}",
                    "a clause that works across rows",
                    "clauses of one row",
                    "Take the terms of its clause on the provider's sums (`term_terms`, `paid_on_cost`).",
                )
                for step in pooled
            ],
        )
    numbers = [name for name, each in contract.input_map().items() if each.type == "number"]
    if varied not in numbers:
        found = Fault(what, f"no number input {varied!r}", "one that activity moves", suggest(varied, numbers))
        raise ContractError(f"{what}: what {provider} loses cannot be found", [found])
    unit = 100.0 if contract.amounts == "pence" else 1.0
    done = _amount(contract, row, varied)
    sellers = {party.code for party in contract.parties if party.role == "provider"}
    parts: list[tuple[float, Pieces]] = []
    for output in contract.outputs:
        if output.payer is not None and output.payee is not None:
            sign = 1.0 if str(output.payee) in sellers else -1.0
            parts.append((sign, payoff(contract, row, varied, 0.0, done, output.name).pieces))
    if not parts:
        raise ContractError(f"{what}: it pays nothing to a provider, so no terms follow from it")
    total = _added(parts)
    pounds = Pieces(tuple(Piece(p.start / unit, p.intercept / unit, p.slope, p.holds_at_start) for p in total.pieces))
    return exact_terms(
        pounds,
        provider=provider,
        done_pounds=done / unit,
        points_of_delivery=points_of_delivery,
        per_tariff_pound=per_tariff_pound,
        what=what,
    )


def _amount(contract: Contract, row: Mapping[str, Any], varied: str) -> float:
    heading = contract.input_map()[varied].heading
    cell = row.get(heading)
    try:
        return float(str(cell))
    except ValueError:
        what = f"contract {contract.id}, column {heading}"
        fault = Fault(what, "nothing" if cell is None else repr(cell), f"the amount of {varied!r} if nothing is bought")
        raise ContractError(f"{what}: what is paid cannot be found", [fault]) from None


def paid_on_cost(taken: Pieces, target_pounds: float) -> Pieces:
    """A corridor's payment to the provider as pieces of its cost, from what commissioners take of its gain (target - cost).

    They pay what they take with the sign turned: a share of a loss is paid to the provider, a share of a gain is paid back.

    Example:
        Half of every gain: at a target of £100 and a cost of £110 they take -£5, and pay £5.
    """
    starts = [*(piece.start for piece in taken.pieces[1:]), math.inf]
    return Pieces(
        tuple(
            Piece(target_pounds - end, -piece.intercept - piece.slope * target_pounds, piece.slope)
            for piece, end in reversed(list(zip(taken.pieces, starts, strict=True)))
        )
    )


def _one_rate(per_tariff_pound: Mapping[str, float] | float, what: str, provider: str) -> float:
    rates = per_tariff_pound if isinstance(per_tariff_pound, Mapping) else {"all": per_tariff_pound}
    if len(set(rates.values())) == 1 and min(rates.values()) > 0:
        return next(iter(rates.values()))
    said = ", ".join(f"{pod} {rate:g}" for pod, rate in sorted(rates.items()))
    message = f"{what}: what {provider} loses cannot be written exactly in a programme"
    raise ContractError(
        message,
        [
            Fault(
                what,
                f"an amount that falls by another part of £1 of tariff value at each point of delivery ({said})",
                "one rate above 0, so that the payment follows tariff value alone",
                "See what the mix is worth under this contract instead (`capitation plan --who-gains`).",
            )
        ],
    )


def _lost(paid: Pieces, done: float, per: float) -> Pieces:
    """Loss over tariff value not done: the payment's stretches from `done` down, each turned round."""
    at_done = paid.at(done)
    starts = [*(piece.start for piece in paid.pieces[1:]), math.inf]
    out: list[Piece] = []
    for piece, end in reversed(list(zip(paid.pieces, starts, strict=True))):
        if piece.start >= done:
            continue
        start = -math.inf if end >= done else (done - end) / per
        # P(v) - (intercept + slope (v - per d)), written as a line in d
        out.append(Piece(start, at_done - piece.intercept - piece.slope * done, piece.slope * per))
    return Pieces(tuple(out)) if out else Pieces.line(0.0)


def _added(parts: Sequence[tuple[float, Pieces]]) -> Pieces:
    """The sum of signed functions, with the bends of all of them."""
    if len(parts) == 1 and parts[0][0] == 1.0:
        return parts[0][1]
    starts = sorted({b for _, each in parts for b in each.breakpoints})
    merged: list[float] = []
    for start in starts:
        if not merged or start - merged[-1] > CLOSE * max(1.0, abs(start)):
            merged.append(start)
    out: list[Piece] = []
    for i, start in enumerate([-math.inf, *merged]):
        end = merged[i] if i < len(merged) else math.inf
        inside = _between(start, end)
        lines = [(sign, _line_at(each, inside)) for sign, each in parts]
        out.append(
            Piece(
                start,
                math.fsum(sign * line.intercept for sign, line in lines),
                math.fsum(sign * line.slope for sign, line in lines),
            )
        )
    return Pieces(tuple(out)).simplified()


def _between(start: float, end: float) -> float:
    if math.isinf(start):
        return 0.0 if math.isinf(end) else end - 1.0
    return start + 1.0 if math.isinf(end) else (start + end) / 2


def _line_at(each: Pieces, x: float) -> Piece:
    chosen = each.pieces[0]
    for piece in each.pieces[1:]:
        if x >= piece.start:
            chosen = piece
    return chosen


def _kind(slopes: list[float]) -> Kind:
    return Pieces(
        tuple(Piece(-math.inf if i == 0 else float(i), _intercept(slopes, i), slope) for i, slope in enumerate(slopes))
    ).kind


def _intercept(slopes: list[float], i: int) -> float:
    """Intercept that makes stretches with bends at 1, 2, ... meet."""
    return sum((slopes[j - 1] - slopes[j]) * j for j in range(1, i + 1))


def _flags(what: str, provider: str, kind: Kind, count: int) -> tuple[str, ...]:
    if kind == "linear":
        return ()
    bends = count - 1
    return (
        f"{what}: what {provider} loses is {kind} with {bends} bend{'' if bends == 1 else 's'}; it is written exactly, with "
        "a yes-or-no variable for each bend and year, so prices are those with the pieces reached fixed",
    )


__all__ = ["ExactTerms", "contract_terms", "exact_terms", "paid_on_cost", "term_terms"]
