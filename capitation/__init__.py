"""The engine: people, need, target, pace of change, allocation, ledger, trace and run."""

from capitation.allocation.tree import allocate_down
from capitation.money.pence import apportion
from capitation.pack.sources import DataPack, default_data_folder
from capitation.records.years import FinancialYear
from capitation.run.evaluate import evaluate
from capitation.run.run import Run, load_run, save_run
from capitation.run.scenario import Scenario, read_scenario
from capitation.weighting.formula import need_catalogue
from capitation.weighting.inputs import read_need_inputs
from capitation.weighting.weigh import need

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
