"""The engine: people, need, target, pace of change, allocation, ledger, trace and run."""

from typing import TYPE_CHECKING

from capitation.records.lazily import lazily

if TYPE_CHECKING:
    from capitation.allocation.tree import allocate_down as allocate_down
    from capitation.money.apportion import apportion as apportion
    from capitation.pack.layers import default_data_folder as default_data_folder
    from capitation.pack.sources import DataPack as DataPack
    from capitation.records.years import FinancialYear as FinancialYear
    from capitation.run.evaluate import evaluate as evaluate
    from capitation.run.run import Run as Run
    from capitation.run.run import load_run as load_run
    from capitation.run.run import save_run as save_run
    from capitation.run.scenario import Scenario as Scenario
    from capitation.run.scenario import read_scenario as read_scenario
    from capitation.weighting.formula import need_catalogue as need_catalogue
    from capitation.weighting.inputs import read_need_inputs as read_need_inputs
    from capitation.weighting.weigh import need as need

_HOMES = {
    "DataPack": "capitation.pack.sources",
    "FinancialYear": "capitation.records.years",
    "Run": "capitation.run.run",
    "Scenario": "capitation.run.scenario",
    "allocate_down": "capitation.allocation.tree",
    "apportion": "capitation.money.apportion",
    "default_data_folder": "capitation.pack.layers",
    "evaluate": "capitation.run.evaluate",
    "load_run": "capitation.run.run",
    "need": "capitation.weighting.weigh",
    "need_catalogue": "capitation.weighting.formula",
    "read_need_inputs": "capitation.weighting.inputs",
    "read_scenario": "capitation.run.scenario",
    "save_run": "capitation.run.run",
}

__all__ = [
    "DataPack",
    "FinancialYear",
    "Run",
    "Scenario",
    "allocate_down",
    "apportion",
    "default_data_folder",
    "evaluate",
    "load_run",
    "need",
    "need_catalogue",
    "read_need_inputs",
    "read_scenario",
    "save_run",
]
__getattr__ = lazily(__name__, _HOMES)
