"""What the parties agree and what it pays: contract documents, terms, settlement, scenarios."""

from typing import TYPE_CHECKING

from capitation.records.lazily import lazily

if TYPE_CHECKING:
    from contracts.document.contract import parse_contract as parse_contract
    from contracts.document.contract import read_contract as read_contract
    from contracts.document.library import read_library as read_library
    from contracts.document.models import Contract as Contract
    from contracts.options.evaluate import evaluate_options as evaluate_options
    from contracts.settlement.compile import Steps as Steps
    from contracts.settlement.compile import compile_contract as compile_contract
    from contracts.settlement.payoff import payoff as payoff
    from contracts.settlement.reference import reference_settle as reference_settle
    from contracts.settlement.settle import settle as settle
    from contracts.settlement.worked_cases import run_cases as run_cases
    from contracts.terms import Term as Term
    from contracts.terms import all_terms as all_terms

_HOMES = {
    "Contract": "contracts.document.models",
    "Steps": "contracts.settlement.compile",
    "Term": "contracts.terms",
    "all_terms": "contracts.terms",
    "compile_contract": "contracts.settlement.compile",
    "evaluate_options": "contracts.options.evaluate",
    "parse_contract": "contracts.document.contract",
    "payoff": "contracts.settlement.payoff",
    "read_contract": "contracts.document.contract",
    "read_library": "contracts.document.library",
    "reference_settle": "contracts.settlement.reference",
    "run_cases": "contracts.settlement.worked_cases",
    "settle": "contracts.settlement.settle",
}

__all__ = [
    "Contract",
    "Steps",
    "Term",
    "all_terms",
    "compile_contract",
    "evaluate_options",
    "parse_contract",
    "payoff",
    "read_contract",
    "read_library",
    "reference_settle",
    "run_cases",
    "settle",
]
__getattr__ = lazily(__name__, _HOMES)
