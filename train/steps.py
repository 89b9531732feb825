"""Tells how far a training is, where it counts its steps itself."""

from collections.abc import Callable


def counted(tell: Callable[[int, int], None], done: int, total: int) -> Callable[[], None]:
    """Return what is called after each step, and tells how many are done and how many there are.

    Args:
        tell: Hears it.
        done: Steps of before, where a run goes on.
        total: Steps of all epochs.
    """

    def step() -> None:
        nonlocal done
        done += 1
        tell(done, total)

    return step
