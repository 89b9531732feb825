"""The classifier that all its threads use."""

import time
from pathlib import Path

from edge.runtime.classifying import Classifying
from edge.runtime.in_use import InUse
from edge.runtime.shadow import Seen
from edge.tags.crops import ClassifierUse, Crop, Look


class ClassifierInUse(InUse[Classifying]):
    """The classifier of a box; what it can tell is what cameras' tags halves begin new votes about.

    Args:
        model: Loaded from the configured bundle.
        path: That bundle.
    """

    def __init__(self, model: Classifying, path: Path) -> None:
        super().__init__(model)
        self.path = path
        self.use: ClassifierUse = model.use  # of all tags halves, for the whole run

    def as_set(self, model: Classifying) -> Classifying:
        """Return a classifier, and let votes that begin from now on be about what it tells."""
        self.use.attributes = model.attributes
        return model

    def see(self, crop: Crop) -> Look:
        """Return all that is sure of a crop; one on probation that fails on it is rolled back, and the old one asked.

        Raises:
            Exception: Whatever the classifier did, where there is no other one.
        """
        model, began = self.current, time.monotonic()
        try:
            said = model.say(crop.image)
        except Exception as exc:
            better = self.instead_of(model, exc)
            if better is None:
                raise
            said = better.say(crop.image)
            return crop.seen(said.tags, said.margin)
        took_ms = (time.monotonic() - began) * 1000
        self.took(model, took_ms)
        shadow = self.shadow
        if shadow is not None:
            shadow.offer(Seen(crop.image, said.tags, took_ms))
        return crop.seen(said.tags, said.margin)
