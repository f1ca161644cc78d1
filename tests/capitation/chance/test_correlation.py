"""Correlations: what is no correlation matrix is named, and the nearest one that is comes with it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.chance.curves.correlation import correlation_faults, factor, nearest_correlation

NAMES = ("ae", "elective", "non-elective")


def test_a_matrix_that_gives_a_mix_a_negative_variance_is_refused_with_the_nearest_that_does_not():
    rows = [[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]]
    (fault,) = correlation_faults(NAMES, rows, "blmk.toml: correlation")
    assert "negative variance (least eigenvalue -0.8000)" in fault.found
    assert fault.expected == "a positive semi-definite matrix"
    offered = np.array(eval(fault.remedy.removeprefix("The nearest matrix that holds together is ").rstrip(".")))
    assert correlation_faults(NAMES, offered.tolist(), "offered") == []
    assert offered[0, 1] == pytest.approx(0.5, abs=0.001)  # by symmetry the three figures give way alike


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([[1, 0.5, 0], [0.4, 1, 0], [0, 0, 1]], "0.5 one way and 0.4 the other"),
        ([[0.9, 0, 0], [0, 1, 0], [0, 0, 1]], "ae with itself: found 0.9; expected 1"),
        ([[1, 1.5, 0], [1.5, 1, 0], [0, 0, 1]], "ae with elective: found 1.5; expected between -1 and 1"),
        ([[1, 0], [0, 1]], "found 2 rows of 2, 2 figures; expected 3 rows of 3 figures"),
    ],
)
def test_a_matrix_of_the_wrong_form_is_named_by_its_lines(rows, words):
    faults = correlation_faults(NAMES, rows, "x")
    assert words in str(faults[0])


@given(st.lists(st.floats(-1, 1), min_size=6, max_size=6))
def test_the_nearest_matrix_is_a_correlation_matrix_and_a_good_one_hardly_moves(figures):
    given_matrix = np.eye(4)
    given_matrix[np.triu_indices(4, 1)] = figures
    given_matrix = np.maximum(given_matrix, given_matrix.T) + np.minimum(given_matrix, given_matrix.T) - np.eye(4)
    found = nearest_correlation(given_matrix)
    assert np.linalg.eigvalsh(found)[0] > 0
    assert np.diag(found) == pytest.approx(1.0)
    if np.linalg.eigvalsh(given_matrix)[0] > 0.01:
        assert found == pytest.approx(given_matrix, abs=1e-9)


def test_the_factor_gives_the_matrix_back_even_where_one_quantity_follows_another():
    matrix = np.array([[1.0, 1.0, 0.3], [1.0, 1.0, 0.3], [0.3, 0.3, 1.0]])
    assert factor(matrix) @ factor(matrix).T == pytest.approx(matrix)
