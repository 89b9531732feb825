"""Takes layers back to float, the most sensitive ones first, until an INT8 file keeps its budget."""

from collections.abc import Callable, Sequence

from compress.gates import Verdict
from edge.model.manifest import Part

STEPS = (0, 3, 6, 12, 24)  # layers in float beside the tail; each step is a file that is written and scored
MOST = 0.5  # of all layers: a file with more in float is hardly smaller or faster than the float one


class Attempt(Part):
    """One INT8 file: which layers it had in float, and how it came out."""

    float_layers: tuple[str, ...]
    verdict: Verdict


def fall_back(
    layers: int, order: Callable[[], Sequence[str]], write: Callable[[Sequence[str]], Verdict]
) -> tuple[Attempt, ...]:
    """Return the attempts that were made; the last one keeps the budget, unless none of all that are worth it does.

    Args:
        layers: How many could be in INT8.
        order: Gives their names, the most sensitive first; asked only where all in INT8 is not good enough.
        write: Writes a file with these layers in float in the place of the one before, and judges it.
    """
    attempts: list[Attempt] = []
    for count in STEPS:
        if count > MOST * layers:
            break
        chosen = tuple(order()[:count]) if count else ()
        attempts.append(Attempt(float_layers=chosen, verdict=write(chosen)))
        if attempts[-1].verdict.kept:
            break
    return tuple(attempts)
