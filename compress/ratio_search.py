"""Finds the smallest pruning ratio that reaches what was asked for."""

from collections.abc import Callable


def least_ratio(reaches: Callable[[float], bool], most: float, steps: int) -> float | None:
    """Return the smallest ratio found that reaches the target, or None where the highest one does not.

    The ratio is halved in on from both sides: what does reach and what does not. A measurement that errs once leads to
    a neighbouring ratio, never to one that was not measured to reach the target.

    Args:
        reaches: Whether a ratio reaches the target; asked for the highest ratio first.
        most: The highest ratio.
        steps: How often to halve.
    """
    if not reaches(most):
        return None
    below, found = 0.0, most
    for _ in range(steps):
        middle = (below + found) / 2
        if reaches(middle):
            found = middle
        else:
            below = middle
    return found
