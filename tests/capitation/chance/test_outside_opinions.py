"""Outside opinions: layers of a sum of losses by `aggregate`, a public library that shares no code with ours."""

import importlib
import math

import numpy as np
import pytest

from capitation.chance.curves.compound import compound, on_grid
from capitation.chance.curves.shapes import Lognormal

STEP, POINTS = 50.0, 2**17


@pytest.fixture(scope="module")
def build():
    """The library's reader of one-line contracts; it takes seconds to import."""
    return importlib.import_module("aggregate").build


@pytest.mark.deep
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # logarithms of chances that are nil, within the library
@pytest.mark.parametrize(("limit", "attachment"), [(50_000, 50_000), (150_000, 50_000), (300_000, 100_000)])
@pytest.mark.parametrize("dispersion", [1.0, 3.0])
def test_three_layers_of_two_hundred_losses(build, limit, attachment, dispersion):
    """200 losses, lognormal(7.5, 1.6); Poisson counts, and counts whose variance is three times their mean (gamma mixed)."""
    ours = compound(
        on_grid(Lognormal(7.5, 1.6), STEP, POINTS, attachment, limit), STEP, mean_count=200.0, dispersion=dispersion
    )
    mixing = math.sqrt((dispersion - 1) / 200)
    counts = "poisson" if dispersion == 1 else f"mixed gamma {mixing}"
    name = f"L{attachment}x{int(dispersion)}"
    theirs = build(
        f"agg {name} 200 claims {limit} xs {attachment} sev {math.exp(7.5)} * lognorm 1.6 ! {counts}", bs=STEP, log2=17
    )
    assert ours.mean == pytest.approx(theirs.est_m, rel=1e-3)
    assert ours.sd == pytest.approx(theirs.est_sd, rel=1e-3)
    loss, chance = theirs.density_df["loss"].to_numpy(), theirs.density_df["p_total"].to_numpy()
    on_top = float((np.clip(loss - 100_000, 0, 300_000) * chance).sum())
    assert ours.layer(100_000, 300_000) == pytest.approx(on_top, rel=1e-3)
    if (limit, attachment, dispersion) == (150_000, 50_000, 1.0):
        assert on_top == pytest.approx(84_621.0, abs=1.0)
    for share in (0.5, 0.95):
        assert ours.quantile(share) == pytest.approx(float(theirs.q(share)), rel=2e-3, abs=2 * STEP)
