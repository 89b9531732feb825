"""What answers come to: shares, each with the interval in which the true one lies 95 times of 100."""

import math
from dataclasses import dataclass

_Z = 1.959964  # of a standard normal, between which and its negative lie 95 %


@dataclass(frozen=True, slots=True)
class Share:
    """A share of cases, 0 to 1, and its 95 % interval; nothing is known of none."""

    right: int
    of: int
    value: float
    low: float
    high: float


def share(right: int, of: int) -> Share:
    """Return the share of cases that were right.

    Args:
        right: Cases, 0 to `of`.
        of: All cases, at least 1.

    Source: Wilson, Probable Inference, the Law of Succession, and Statistical Inference, 1927, equation 9.
    """
    rate, squared = right / of, _Z**2
    middle = (rate + squared / (2 * of)) / (1 + squared / of)
    half = _Z / (1 + squared / of) * math.sqrt(rate * (1 - rate) / of + squared / (4 * of**2))
    return Share(right, of, rate, max(0.0, min(rate, middle - half)), min(1.0, max(rate, middle + half)))
