"""The engine: people, need, target, pace of change, allocation, ledger, trace and run."""

from capitation.allocation import allocate_down
from capitation.evaluate import evaluate
from capitation.money import apportion
from capitation.need import need
from capitation.need_formula import need_catalogue
from capitation.need_inputs import read_need_inputs
from capitation.run import Run, load_run, save_run
from capitation.scenario import Scenario, read_scenario
from capitation.sources import DataPack, default_data_folder
from capitation.years import FinancialYear

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
