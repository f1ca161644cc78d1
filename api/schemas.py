"""The documents that the product reads, by the name under which their JSON Schema is found."""

from __future__ import annotations

from capitation.chance.document import Uncertainty
from capitation.pace.policy import PacePolicy
from capitation.pack.parameters import Parameter
from capitation.pack.sources import Source
from capitation.records.documents import Document
from capitation.run.run import RunManifest
from capitation.run.scenario import Scenario
from capitation.shift.solution import Solution
from capitation.weighting.formula import Component, CostIndex, FormulaDocument, Vintage
from contracts.options.document import ContractOptions
from contracts.risk.design.family import TermFamily
from optimiser.problem.document import Problem

DOCUMENTS: dict[str, type[Document]] = {
    "contract-options": ContractOptions,
    "cost-index": CostIndex,
    "need-component": Component,
    "need-formula": FormulaDocument,
    "need-vintage": Vintage,
    "pace-policy": PacePolicy,
    "parameter": Parameter,
    "problem": Problem,
    "run-manifest": RunManifest,
    "scenario": Scenario,
    "solution": Solution,
    "source": Source,
    "term-family": TermFamily,
    "uncertainty": Uncertainty,
}
"""Documents by name; `capitation contract schema` has that of contracts, built from the terms found."""
