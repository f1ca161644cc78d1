"""The standard normal: its distribution, its inverse, and what is paid beyond a level in closed form.

    below(z) = P(Z <= z)        score(u) = the z with below(z) = u        mean_beyond(a) = E[max(Z - a, 0)] = phi(a) - a (1 - below(a))

The inverse is Wichura's algorithm AS 241 (Applied Statistics 37, 1988), good to 16 digits.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
"""An array of real numbers."""

STANDARD = NormalDist()

_CENTRE = (
    (
        2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4,
        1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2, 3.3871328727963666080e0,
    ),
    (
        5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4,
        5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1.0,
    ),
)  # fmt: skip
_MIDDLE = (
    (
        7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258e0,
        3.64784832476320460504e0, 5.76949722146069140550e0, 4.63033784615654529590e0, 1.42343711074968357734e0,
    ),
    (
        1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
        6.89767334985100004550e-1, 1.67638483018380384940e0, 2.05319162663775882187e0, 1.0,
    ),
)  # fmt: skip
_TAIL = (
    (
        2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
        2.96560571828504891230e-1, 1.78482653991729133580e0, 5.46378491116411436990e0, 6.65790464350110377720e0,
    ),
    (
        2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
        1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0,
    ),
)  # fmt: skip

_erfc = np.frompyfunc(math.erfc, 1, 1)


def below(z: npt.ArrayLike) -> Floats:
    """P(Z <= z) of a standard normal Z."""
    values = np.asarray(z, dtype=float)
    return 0.5 * np.asarray(_erfc(-values / math.sqrt(2.0)), dtype=float)


def score(share: npt.ArrayLike) -> Floats:
    """The z with P(Z <= z) = share, for shares between 0 and 1 (both left out)."""
    u = np.asarray(share, dtype=float)
    q = u - 0.5
    r = 0.180625 - q * q
    near = np.abs(q) <= 0.425
    found = q * _ratio(_CENTRE, np.where(near, r, 0.0))
    if near.all():
        return found
    far = np.sqrt(-np.log(np.where(near, 0.5, np.minimum(u, 1.0 - u))))
    tail = np.where(far <= 5.0, _ratio(_MIDDLE, np.minimum(far, 5.0) - 1.6), _ratio(_TAIL, np.maximum(far, 5.0) - 5.0))
    return np.where(near, found, np.copysign(tail, q))


def _ratio(polynomials: tuple[tuple[float, ...], tuple[float, ...]], x: Floats) -> Floats:
    above, under = (np.polyval(np.asarray(p), x) for p in polynomials)
    return above / under


def density(z: float) -> float:
    """The height of the standard normal's curve at z."""
    return math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)


def mean_beyond(level: float) -> float:
    """E[max(Z - level, 0)]: what a standard normal passes a level by, on average.

    Example:
        >>> round(mean_beyond(0.0), 5)
        0.39894
    """
    return density(level) - level * (1.0 - STANDARD.cdf(level))


def mean_excess(mean: float, sd: float, level: float) -> float:
    """E[max(X - level, 0)] of a normal X."""
    if sd == 0.0:
        return max(mean - level, 0.0)
    return sd * mean_beyond((level - mean) / sd)


def mean_in_tail(sd: float, gate: float) -> float:
    """E[X; X >= gate] of a normal X with mean nil: what a gate that pays from the first pound lets through.

    Example:
        A saving with sd 2% of the benchmark and no true effect, past a gate of 2%:
        >>> f"{mean_in_tail(0.02, 0.02):.6%}"
        '0.483941%'
    """
    return sd * density(gate / sd)


def mean_kept(sd: float, edges: tuple[float, ...], shares: tuple[float, ...], mean: float = 0.0) -> float:
    """What a bearer keeps, on average, of a normal overspend under a corridor.

    Args:
        sd: standard deviation of the overspend.
        edges: where a new share begins, rising, the first at 0 or above.
        shares: the share the *bearer keeps* from each edge to the next; the last one without end.
        mean: mean of the overspend.

    Example:
        Sd 1.82%, all kept to 1%, half from 1 to 3%, a fifth beyond: 0.548% is kept of a mean overspend of 0.726%.
        >>> f"{mean_kept(0.0182, (0.0, 0.01, 0.03), (1.0, 0.5, 0.2)):.3%}"
        '0.548%'
    """
    before = (0.0, *shares[:-1])
    return sum((s - b) * mean_excess(mean, sd, e) for e, s, b in zip(edges, shares, before, strict=True))
