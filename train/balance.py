"""How often each picture is drawn, so that rare classes are seen as often as common ones."""

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray


def picture_weights(classes: Sequence[Collection[int]], power: float) -> NDArray[np.float64]:
    """Return how likely each picture is to be drawn, (N,) with mean 1.

    A picture counts by the rarest class in it: by one over the number of pictures that show the class, to the power
    given. One that shows nothing counts as little as one of the commonest class.

    Args:
        classes: Ids of the classes in each of N pictures.
        power: 0 for all pictures alike, 1 for all classes alike.
    """
    showing = Counter(class_id for shown in classes for class_id in set(shown))
    commonest = max(showing.values(), default=1)
    rarest = np.array([min((showing[class_id] for class_id in shown), default=commonest) for shown in classes])
    weights = (1.0 / np.maximum(rarest, 1)) ** power
    return weights / weights.mean()
