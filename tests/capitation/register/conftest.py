"""A made-up register of 24,000 persons in four files, with lines of activity, and its cells."""

import shutil

import pytest

import capitation.register.make as making
from capitation.register.build import build
from capitation.register.cells import read_cells
from capitation.register.document import read_register
from capitation.register.formula import read_formula, tables
from capitation.workers.crew import Threads


@pytest.fixture(scope="session")
def made_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("register") / "made"
    before = making.FILE_PERSONS, making.LIST
    making.FILE_PERSONS, making.LIST = 6_000, 1_500
    try:
        making.make(24_000, folder, Threads(1), seed=7, has_lines=True)
    finally:
        making.FILE_PERSONS, making.LIST = before
    return folder


@pytest.fixture(scope="session")
def made(made_folder):
    return read_register(made_folder)


@pytest.fixture(scope="session")
def cells(made, tmp_path_factory):
    out = tmp_path_factory.mktemp("cells") / "cells"
    build(made, out, Threads(1))
    return read_cells(out)


@pytest.fixture(scope="session")
def made_tables(made_folder, made, pack):
    return tables(read_formula(str(made_folder / "formula.toml"), pack), made.codes)


@pytest.fixture
def copied(made_folder, tmp_path):
    """A copy of the register that a test may change."""
    folder = tmp_path / "mine"
    shutil.copytree(made_folder, folder)
    return folder
