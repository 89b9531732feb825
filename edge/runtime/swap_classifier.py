"""What an exchange of the classifier asks of the new one, and how the two are compared."""

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.config import BoxConfig
from edge.runtime.classifier_in_use import ClassifierInUse
from edge.runtime.classifying import Classifying, load_classifying
from edge.runtime.shadow import Comparison, Shadow
from edge.runtime.swappable import Trial, already_in_use, refuse_older
from edge.tags.events import Tag
from edge.tags.shelf_checks import names_of


class ClassifierSwap:
    """The classifier of a box, as it can be exchanged.

    Where nothing is looked at for a while, on shelves whose products all have their names, a new one is proved by its
    self-test alone.

    Args:
        config: The box; its shelves must be named by the new one too.
        in_use: Shared with its threads.
    """

    shadow_needed = False

    def __init__(self, config: BoxConfig, in_use: ClassifierInUse) -> None:
        self._config = config
        self.in_use = in_use

    @property
    def configured(self) -> Path:
        """Where the bundle lies that the box starts with."""
        return self.in_use.path

    def load(self, path: Path) -> Classifying:
        """Return the verified and proved classifier of a bundle.

        Raises:
            EdgekitError: It cannot be trusted, loaded or used in this box.
        """
        new = load_classifying(self._config, None, path)
        if new is None:
            raise EdgekitError("this box has no [classifier] to exchange")
        if new.digest == self.in_use.current.digest:
            raise already_in_use()
        if path != self.configured:  # back to that is always allowed
            refuse_older(self.in_use.current.bundle.manifest, new.bundle.manifest)
        for camera in self._config.cameras:
            for shelf in camera.shelves:
                names_of(camera.name, shelf, new.use)
        return new

    def compare(self, new: Classifying, trial: Trial) -> Comparison | None:
        """Let a new classifier look at the crops that the old one looks at; None where none came."""
        both = set(self.in_use.current.attributes.single) & set(new.attributes.single)
        shadow: Shadow[NDArray[np.uint8], tuple[Tag, ...]] = Shadow()

        def look(image: NDArray[np.uint8]) -> tuple[tuple[Tag, ...], float]:
            began = time.monotonic()
            said = new.say(image).tags
            return said, (time.monotonic() - began) * 1000

        def agreement(before: tuple[Tag, ...], now: tuple[Tag, ...]) -> tuple[int, int]:
            counted = {(tag.key, tag.value) for tag in before if tag.key in both}
            return len(counted), len(counted & {(tag.key, tag.value) for tag in now})

        self.in_use.shadow = shadow
        try:
            return shadow.compare(look, agreement, trial.bounds, trial.stopping)
        finally:
            self.in_use.shadow = None
