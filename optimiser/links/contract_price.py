"""What a contract document pays less for activity that is not done: its own terms, settled at both ends of the shift.

    marginal share[p,t] = (payment at current trends - payment after the full shift) / (value at current trends - value after it)

The contract's plan is the activity of the year before the shift, which is also the baseline above which emergency
admissions are paid at a marginal rate; activity is valued at unit cost. The payment is every output that the commissioner
owes the provider, less what the provider owes, unrounded and on the line of any staircase. A contract that
does not look at activity (a block) has a share of 0.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from capitation.errors import Faults, ScenarioError
from capitation.records.frames import Frame
from capitation.shift.avoided_value import MarginalShare
from contracts.document.contract import Contract
from contracts.settlement.payoff_values import values_of

VALUE, PLAN = "actual_value_pence", "plan_value_pence"
"""The inputs by which contracts of the pack look at activity."""


def contract_shares(
    contract: Contract,
    plan_pence: Mapping[str, int],
    trend_pence: Mapping[tuple[str, str], int],
    shifted_pence: Mapping[str, int],
) -> Frame[MarginalShare]:
    """The marginal share of every line and year of `trend_pence` under a contract document.

    Args:
        contract: a contract of one line at a time, with planned and actual value among its inputs.
        plan_pence: value of planned activity by line.
        trend_pence: value of activity on current trends by line and year.
        shifted_pence: value after the full shift by line; where it is not below the trend of a year, the price of one unit
            less is taken just below the trend.

    Raises:
        ScenarioError: the contract settles other amounts than the value of activity, or pays more for less; all at once.
        ContractError: the contract refuses a line or a year.

    Example:
        Emergency admissions above plan at 70% of price: 70p less for each pound not done while activity is above plan.
    """
    faults, rows = Faults(), []
    names = set(contract.input_map())
    if VALUE not in names and any(name.startswith("actual_") for name in names):
        faults.add(
            f"contract {contract.id}", "payment by other amounts than activity", f"an input {VALUE!r}, or a block"
        )
    faults.raise_if_any(ScenarioError, "marginal prices cannot be taken from this contract")
    for (line, year), high in sorted(trend_pence.items()):
        low = shifted_pence[line] if shifted_pence[line] < high else high - max(1, high // 100)
        share = 0.0 if VALUE not in names else _share(contract, line, year, plan_pence[line], low, high)
        if not -1e-9 <= share <= 1 + 1e-9:
            faults.add(f"contract {contract.id}: {line} in {year}", f"a marginal share of {share:.3f}", "0 to 1")
        rows.append(
            (
                contract.id, line, year, min(1.0, max(0.0, round(share, 9))), "assumption", "System finance director",
                "amber", "red", f"contract {contract.id}, its terms settled at current trends and after the full shift",
            )
        )  # fmt: skip
    faults.raise_if_any(ScenarioError, "marginal prices cannot be taken from this contract")
    return MarginalShare.validate(pl.DataFrame(rows, schema=MarginalShare.dtypes(), orient="row"))


def _share(contract: Contract, line: str, year: str, plan: int, low: int, high: int) -> float:
    row = {"year": year, "commissioner": "commissioner", "provider": "provider", "line": line, PLAN: plan}
    ends = (float(low), float(high))
    paid = values_of(contract, [row], VALUE, ends, contract.outputs[0].of).frame(ends)
    fall = 0.0
    for output in contract.outputs:
        least, most = paid.get_column(output.of)
        fall += (most - least) * (1 if output.payer == "commissioner" else -1)
    return fall / (high - low)
