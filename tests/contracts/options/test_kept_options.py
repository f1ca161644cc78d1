"""Contract options made from what is kept are those made afresh, whatever was changed before; and a changed clause settles its own option only."""

from __future__ import annotations

from decimal import Decimal
from functools import wraps

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capitation.errors import ContractError, Faults
from capitation.pack.stages import MEMORY
from capitation.run.run import Run
from contracts.options.document import read_contracts, read_options
from contracts.options.evaluate import evaluate_options
from contracts.options.kept import settled as payments

CORRIDOR = "blmk-capitation-corridor"
SHARES = st.integers(0, 900).map(lambda n: Decimal(n) / 1000)
EDITS = st.one_of(
    st.tuples(st.just("middle_share"), SHARES),
    st.tuples(st.just("outer_share"), SHARES),
    st.tuples(st.just("case"), st.integers(-90, 200).map(lambda n: Decimal(n) / 1000)),
    st.tuples(st.just("cost_at_plan"), st.integers(950, 1050).map(lambda n: Decimal(n) / 1000)),
    st.tuples(st.just("response"), st.integers(1, 60).map(lambda n: -Decimal(n) / 1000)),
    st.tuples(st.just("run"), st.integers(1, 10_000)),
    st.tuples(st.just("terms"), st.integers(1, 9)),
)


@pytest.fixture(scope="module")
def plan(pack, blmk_run):
    file = pack.path("options/blmk.toml")
    document = read_options(file)
    contracts, _ = read_contracts(document, pack, file.parent, Faults())
    return document, contracts, pack, blmk_run


def with_share(contract, name, value):
    parameters = tuple(
        p.model_copy(update={"values": tuple(v.model_copy(update={"value": value}) for v in p.values)})
        if p.name == name
        else p
        for p in contract.parameters
    )
    return contract.model_copy(update={"parameters": parameters})


def edited(plan, edits):
    document, contracts, pack, run = plan
    contract = contracts[CORRIDOR]
    for what, value in edits:
        if what in ("middle_share", "outer_share"):
            contract = with_share(contract, what, value)
        elif what == "terms":
            contract = contract.model_copy(update={"title": f"Corridor {value}"})
        elif what == "case":
            first, *rest = document.cases
            document = document.model_copy(update={"cases": (first.model_copy(update={"change": value}), *rest)})
        elif what == "cost_at_plan":
            figure = document.cost_at_plan.model_copy(update={"value": value})
            document = document.model_copy(update={"cost_at_plan": figure})
        elif what == "response":
            *rest, last = document.options
            answer = next(o.response for o in document.options if o.response is not None)
            answers = answer.model_copy(update={"value": value})
            document = document.model_copy(update={"options": (*rest, last.model_copy(update={"response": answers}))})
        else:  # other figures under the same manifest, as a plan has where who is paid is worked out again
            frame = run.frames["sustainability_fund"]
            more = (
                pl.when(pl.col("earned_pence") > 0)
                .then(pl.col("earned_pence") - value)
                .otherwise(pl.col("earned_pence"))
            )
            run = Run(
                run.manifest, {**run.frames, "sustainability_fund": frame.with_columns(more.alias("earned_pence"))}
            )
    return evaluate_options(document, pack, run=run, given={CORRIDOR: contract})


def test_a_changed_share_settles_its_own_option_and_no_other(plan, monkeypatch):
    edited(plan, [("middle_share", Decimal("0.5"))])
    settled, plain = [], payments.settle

    @wraps(plain)
    def counted(contract, rows, **more):
        settled.append(contract.id)
        return plain(contract, rows, **more)

    monkeypatch.setattr(payments, "settle", counted)
    edited(plan, [("middle_share", Decimal("0.4375"))])
    assert set(settled) == {CORRIDOR}


@pytest.mark.deep
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.lists(st.lists(EDITS, min_size=1, max_size=3), min_size=2, max_size=3))
def test_what_is_kept_is_what_is_made_afresh(plan, edits):
    kept = [edited(plan, each) for each in edits]
    MEMORY.clear()
    fresh = edited(plan, edits[-1])
    assert kept[-1].manifest == fresh.manifest
    assert all(kept[-1].frames[name].equals(frame) for name, frame in fresh.frames.items())


def test_a_contract_that_cannot_settle_is_named_with_its_case_and_refused_again(plan):
    document, contracts, pack, run = plan
    block = contracts["blmk-block"]
    cell = block.inputs[-1].model_copy(update={"at_most": Decimal(0)})
    narrow = block.model_copy(update={"inputs": (*block.inputs[:-1], cell)})
    with pytest.raises(ContractError) as refused:
        evaluate_options(document, pack, run=run, given={"blmk-block": narrow})
    assert any("activity case plan" in fault.where for fault in refused.value.faults)
    with pytest.raises(
        ContractError, match="cannot be settled"
    ):  # nothing that lacks payments was kept for the second option
        evaluate_options(document, pack, run=run, given={"blmk-block": narrow}, only=("do-minimum", "blended"))
    second = document.model_copy(update={"base": "blended"})
    with pytest.raises(ContractError, match="cannot be settled"):
        evaluate_options(second, pack, run=run, given={"blmk-block": narrow}, only=("blended", "do-minimum"))
