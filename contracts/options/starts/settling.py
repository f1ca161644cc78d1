"""Options settled on an outturn: each contract on the rows of its groups, over the years in which it holds.

Before an option begins, the contracts of the one that holds until then are settled in its name. Where a body stands between, it pays
for the care in scope in the place of commissioners, who pay it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import polars as pl

from capitation.errors import CapitationError, ContractError, Faults
from capitation.pack.stages import Stage, Stages
from capitation.records.columns import ACTIVITY_CASE, CONTRACT, OPTION
from capitation.records.frames import Column, Frame, Schema
from capitation.records.identity import canonical, digest
from contracts.document.models import Contract
from contracts.options.document import PLAN, ContractOption, ContractOptions
from contracts.options.kept.settled import KnownKeys, settled
from contracts.options.outturn import OutturnLine
from contracts.options.position import Payment
from contracts.options.starts.starts import Span, Starts
from contracts.options.trials import Kept, SettleAll
from contracts.settlement.settle import Settlement, settle_apart


class ContractNotice(Schema):
    """Something that a contract says of the rows it settled, such as a clause that changed none of them."""

    option = OPTION
    activity_case = ACTIVITY_CASE
    contract = CONTRACT
    name = Column(pl.String, "name", "Short name of the notice", key=True)
    rows = Column(pl.Int64, "rows", "Number of rows it is about", ge=1)
    says = Column(pl.String, "words", "The sentence")


@dataclass(frozen=True)
class _Rows:
    rows: Frame[OutturnLine]
    case: str


def payments_of(
    option: ContractOption,
    document: ContractOptions,
    contracts: Mapping[str, Contract],
    rows: Frame[OutturnLine],
    case: str = PLAN,
    starts: Starts | None = None,
) -> Frame[Payment]:
    """What an option pays on an outturn, by commissioner, provider and term of contract.

    Args:
        option: the option.
        document: the document it stands in, which says who is in each group.
        contracts: contracts by the name that the option uses.
        rows: the outturn.
        case: id of the activity case, carried into the result.
        starts: when options begin, and their bodies; none means that every option holds in every year.

    Raises:
        ContractError: rows that a contract cannot settle; those of all contracts at once.
    """
    faults = Faults()
    work = _Work(document, contracts, starts or Starts(), faults, {}, Kept(), KnownKeys())
    paid, _ = work.settled(option, _Rows(rows, case))
    faults.raise_if_any(ContractError, f"option {option.id}: some rows cannot be settled")
    return Payment.validate(paid)


@dataclass(frozen=True)
class _Part:
    """What one contract pays over some years, in whosever name."""

    paid: pl.DataFrame
    """Rows of `Payment` with their service, without option and activity case."""
    notices: pl.DataFrame
    """Rows of `ContractNotice`, in the same way."""


_NAMED = ("option", "activity_case")
_NOTHING = _Part(
    Payment.empty().drop(_NAMED).with_columns(pl.lit(None, dtype=pl.String).alias("service")),
    ContractNotice.empty().drop(_NAMED),
)


class _Unsettled(Exception):  # noqa: N818  # not an error: what is wrong is gathered where it is met
    """A contract has no rows, or some that cannot be settled; nothing of it is kept."""


class _Refused(Exception):  # noqa: N818  # not an error: it carries what was found
    """Some rows of an option cannot be settled; what was found is used and not kept."""

    def __init__(self, found: tuple[pl.DataFrame, pl.DataFrame]) -> None:
        super().__init__()
        self.found = found


Once = dict[tuple[object, ...], Settlement | None]
Settlements = Kept[Settlement]


def settling(starts: Starts) -> SettleAll:
    """Settles all options on one outturn; a contract of the same providers on rows that it settled before is not settled again.

    Args:
        starts: when options begin, and their bodies.
    """
    kept, keys = Kept[Settlement](), KnownKeys()

    def settle_all(
        document: ContractOptions,
        contracts: Mapping[str, Contract],
        rows: Frame[OutturnLine],
        case: str,
        faults: Faults,
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        work = _Work(document, contracts, starts, faults, {}, kept, keys)
        both = [work.once_for_all(option, _Rows(rows, case)) for option in document.options]
        return pl.concat([paid for paid, _ in both]), pl.concat([notices for _, notices in both])

    return settle_all


@dataclass(frozen=True)
class _Work:
    """Options of a document being settled, with what was settled already."""

    document: ContractOptions
    contracts: Mapping[str, Contract]
    starts: Starts
    faults: Faults
    once: Once
    kept: Settlements
    keys: KnownKeys

    def once_for_all(self, option: ContractOption, tried: _Rows) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The same as `settled`, kept where nothing is refused: later runs find it by what it rests on."""

        def settled(*_: object) -> tuple[pl.DataFrame, pl.DataFrame]:
            found = self.settled(option, tried)
            if any(done is None for done in self.once.values()):  # also where another option was refused for it
                raise _Refused(found)
            return found

        rests_on = [option.id, tried.case, self._agreed(option), self.keys.of_rows(tried.rows).key]
        try:
            return Stages(None, None).keep("settled option", settled, rests_on).value
        except _Refused as refused:
            return refused.found

    def _agreed(self, option: ContractOption) -> str:
        """A digest of all that an option agrees, whatever is done under it; worked out once for an option at hand."""

        def said() -> str:
            spans = self.starts.spans(option)
            groups = [group.model_dump_json() for group in self.document.groups]
            lasting = [
                [s.option.model_dump_json(), s.first, s.until, None if s.body is None else s.body.rests_on]
                for s in spans
            ]
            names = sorted({each.contract for span in spans for each in span.option.contracts})
            says = [self.keys.of_contract(self.contracts[name]).key for name in names]
            return digest(canonical([groups, lasting, names, says]))

        return self.keys.of_agreed((option, self.document.groups, self.contracts), said)

    def settled(self, option: ContractOption, tried: _Rows) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Payments and notices of an option on an outturn, over all years."""
        paid, said = [_NOTHING.paid], [_NOTHING.notices]
        beside: list[pl.DataFrame] = [Payment.empty()]
        for span in self.starts.spans(option):
            parts = [
                self._part(each.contract, tuple(self.document.providers_of(each.groups)), span, tried)
                for each in span.option.contracts
            ]
            here = pl.concat([_NOTHING.paid, *(part.paid for part in parts)])
            paid.append(here)
            said += [part.notices for part in parts]
            if span.body is not None:
                rows = tried.rows.filter(span.years())
                beside.append(span.body.payments(option.id, tried.case, here, rows))
        named = [pl.lit(option.id).alias("option"), pl.lit(tried.case).alias("activity_case")]
        added = pl.concat([_added(pl.concat(paid)).with_columns(named).select(*Payment.columns()), *beside])
        notices = pl.concat(said).with_columns(named).select(*ContractNotice.columns())
        return added, notices.unique(ContractNotice.key(), maintain_order=True)

    def _part(self, name: str, providers: tuple[str, ...], span: Span, tried: _Rows) -> _Part:
        """What a contract pays over the years of a span, kept for every option in whose name it is settled; nothing where some rows cannot be."""

        def worked_out(*_: object) -> _Part:
            mine, done = self._contract(name, providers, span, tried)
            if done is None:
                raise _Unsettled
            contract = self.contracts[name]
            return _Part(_payments(contract, mine, done.results, span), _notices(contract, done))

        between = None if span.body is None else [span.body.body.code, str(span.body.first), span.body.inside]
        says, rows = self.keys.of_contract(self.contracts[name]).key, self.keys.of_rows(tried.rows).key
        rests_on = [says, rows, list(providers), span.first, span.until, between]
        try:
            return Stages(None, None).keep("contract of an option", worked_out, rests_on).value
        except _Unsettled:
            return _NOTHING

    def _contract(
        self, name: str, providers: tuple[str, ...], span: Span, tried: _Rows
    ) -> tuple[Frame[OutturnLine], Settlement | None]:
        """The rows of a contract over the years of a span, and its settlement; none where some cannot be settled."""
        mine = cast("Frame[OutturnLine]", tried.rows.filter(pl.col("provider").is_in(list(providers)) & span.years()))
        if mine.is_empty():
            return mine, None
        key = (name, providers, span.first, span.until)
        if key not in self.once:
            try:
                self.once[key] = self._settled(name, mine, tried, key)
            except CapitationError as error:
                self.faults.extend(error.faults)
                if not error.faults:
                    where = f"contract {name!r}, activity case {tried.case}"
                    self.faults.add(where, error.message, "rows it can settle")
                self.once[key] = None
        return mine, self.once[key]

    def _settled(
        self, name: str, rows: Frame[OutturnLine], tried: _Rows, key: tuple[str, tuple[str, ...], str, str]
    ) -> Settlement:
        """What a contract pays on rows; settled once where what it says and what it reads of them is the same."""
        contract, where = self.contracts[name], f"{name}, activity case {tried.case}"
        reads = {each.heading for each in contract.inputs}
        used = rows.select(column for column in rows.columns if column in reads)
        of_rows = Stage(used, digest(canonical([self.keys.of_rows(tried.rows).key, key[1:], used.columns])))
        says = self.keys.of_contract(contract)
        return self.kept.of((name, *key[2:]), used, lambda: settled(says, of_rows, where))


LEVEL = "level_of_trial"
"""Column that keeps trials apart that are settled together."""


def settle_levels(
    document: ContractOptions, contracts: Mapping[str, Contract], rows: pl.DataFrame, starts: Starts
) -> pl.DataFrame:
    """What all options pay on several outturns at once: each contract is settled on all of them together, and each as if it were alone.

    Args:
        document: the options.
        contracts: contracts by the name that the options use.
        rows: outturns, one under the other, with the name of each as `activity_case`.
        starts: when options begin, and their bodies.

    Returns:
        Rows of `Payment`.

    Raises:
        ContractError: rows that a contract cannot settle.
    """
    rows = rows.with_columns(pl.col("activity_case").alias(LEVEL))
    once: dict[tuple[object, ...], tuple[pl.DataFrame, pl.DataFrame | None]] = {}
    made: list[pl.DataFrame] = [Payment.empty()]
    for option in document.options:
        paid = [_NOTHING.paid.with_columns(pl.lit(None, dtype=pl.String).alias(LEVEL))]
        for span in starts.spans(option):
            here = [paid[0].clear()]
            for each in span.option.contracts:
                providers, contract = tuple(document.providers_of(each.groups)), contracts[each.contract]
                key = (each.contract, providers, span.first, span.until)
                if key not in once:
                    mine = rows.filter(pl.col("provider").is_in(list(providers)) & span.years())
                    reads = [i.heading for i in contract.inputs if i.heading in mine.columns]
                    where = f"{each.contract}, several trials"
                    done = None if mine.is_empty() else settle_apart(contract, mine.select(*reads, LEVEL), LEVEL, where)
                    once[key] = mine, done
                mine, done = once[key]
                if done is not None:
                    here.append(_payments(contract, mine, done, span, LEVEL))
            paid += here
            if span.body is not None:
                bought, outturns = pl.concat(here), rows.filter(span.years())
                pools = span.body.pools_by_level(bought.filter(pl.col("payer_role") == "provider"), outturns, LEVEL)
                for (case,), group in bought.partition_by(LEVEL, as_dict=True).items():
                    own = pools.get(str(case), {})
                    made.append(span.body.payments(option.id, str(case), group.drop(LEVEL), outturns, own))
        named = [pl.lit(option.id).alias("option"), pl.col(LEVEL).alias("activity_case")]
        made.append(_added(pl.concat(paid), LEVEL).with_columns(named).select(*Payment.columns()))
    return pl.concat(made)


def _payments(contract: Contract, rows: pl.DataFrame, results: pl.DataFrame, span: Span, *more: str) -> pl.DataFrame:
    """What a contract pays by row; where a body stands between, it pays for the care in scope in the commissioner's place."""
    payer, role = pl.col("commissioner"), pl.lit("commissioner")
    if span.body is not None:
        through = span.body.goes_through()
        payer = pl.when(through).then(pl.lit(span.body.body.code)).otherwise("commissioner")
        role = pl.when(through).then(pl.lit("provider")).otherwise(pl.lit("commissioner"))
    roles = {party.code: party.role for party in contract.parties}
    paid = [o for o in contract.outputs if o.payer is not None]
    return pl.concat(
        [
            rows.select(
                "year",
                payer.alias("commissioner_code"),
                pl.col("provider").alias("provider_code"),
                pl.lit(contract.id).alias("contract"),
                pl.lit(number, dtype=pl.Int64).alias("term_number"),
                pl.lit(f"{contract.title}: {output.about or output.name}").alias("term"),
                pl.lit("contract").alias("kind"),
                role.alias("payer_role"),
                results.get_column(output.name).alias("amount_pence")
                * (1 if roles[str(output.payer)] == "commissioner" else -1),
                "service",
                *more,
            )
            for number, output in enumerate(paid, start=1)
        ]
    ).select(*_NOTHING.paid.columns, *more)


def _added(paid: pl.DataFrame, *apart: str) -> pl.DataFrame:
    """Payments added up over lines, and over groups that have the same contract apart."""
    key = [*apart, *(name for name in _NOTHING.paid.columns if name not in {"amount_pence", "service"})]
    return paid.group_by(key).agg(pl.col("amount_pence").sum())


def _notices(contract: Contract, done: Settlement) -> pl.DataFrame:
    return done.notices.select(pl.lit(contract.id).alias("contract"), "name", "rows", "says")


__all__ = ["LEVEL", "ContractNotice", "payments_of", "settle_levels", "settling"]
