"""How much of the weights' running average is kept at each move, so that short runs are averaged too."""

from collections.abc import Callable

_RISE = 10  # moves after which about half of an average is of what was before them


def decay_over(moves: int) -> Callable[[int], float]:
    """Return the share that is kept of a running average of weights, by moves done.

    The average reaches over about as many moves as asked for. It begins short, since the first weights of a training
    are worse than all that follow: after n moves it reaches over at most about n / 9 of them.

    Args:
        moves: Over how many moves to average, at least 1.

    Source: the ramp (1 + n) / (10 + n) of TensorFlow's `ExponentialMovingAverage`.
    """
    longest = 1 - 1 / moves

    def decay(done: int) -> float:
        return min(longest, (1 + done) / (_RISE + done))

    return decay
