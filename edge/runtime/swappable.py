"""What can be exchanged in a running box: its detector, or its classifier."""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from devices.errors import EdgekitError
from edge.model.manifest import BundleManifest
from edge.runtime.in_use import InUse
from edge.runtime.shadow import Bounds, Comparison


@dataclass(frozen=True, slots=True)
class Trial:
    """How long two models are compared, and what breaks that off."""

    bounds: Bounds
    stopping: threading.Event


class Swappable(Protocol):
    """A kind of model that can be exchanged.

    Attributes:
        shadow_needed: Whether a model that nothing came to be compared on is refused.
    """

    shadow_needed: bool

    @property
    def in_use(self) -> InUse[Any]:
        """The one in use, shared with those who use it."""
        ...

    @property
    def configured(self) -> Path:
        """Where the bundle lies that the box starts with."""
        ...

    def load(self, path: Path) -> Any:
        """Return the verified and proved model of a bundle; EdgekitError where it cannot be used in this box."""
        ...

    def compare(self, new: Any, trial: Trial) -> Comparison | None:
        """Let a new model look at what the one in use looks at; None where nothing came."""
        ...


def already_in_use() -> EdgekitError:
    """Return the error of an exchange for what is in use already."""
    return EdgekitError("this very bundle is in use already")


def refuse_older(used: BundleManifest, new: BundleManifest) -> None:
    """Refuse an older release of a model that is in use.

    Raises:
        EdgekitError: It is older: what was mended since would come back.
    """
    if new.name == used.name and new.release < used.release:
        raise EdgekitError(
            f"it is release {new.release} of {new.name}, and release {used.release} is in use: an older one is "
            "refused; to go back to the configured bundle, ask for it by no name"
        )
