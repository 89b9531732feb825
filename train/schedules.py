"""How a learning rate falls over the epochs of a run."""

import math
from collections.abc import Callable

from train.settings import Schedule


def share_by_epoch(schedule: Schedule, final_share: float, epochs: int) -> Callable[[float], float]:
    """Return the share of the highest learning rate by epochs done, 1 at none and `final_share` at all of them.

    A fixed schedule stays at 1.
    """

    def share(done: float) -> float:
        progress = min(max(done / epochs, 0.0), 1.0)
        match schedule:
            case Schedule.FIXED:
                return 1.0
            case Schedule.LINEAR:
                return 1 - progress * (1 - final_share)
            case Schedule.EXPONENTIAL:
                return final_share**progress
            case Schedule.COSINE:
                return final_share + (1 - final_share) * (1 + math.cos(math.pi * progress)) / 2

    return share
