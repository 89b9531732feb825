"""From what stands on a camera's shelves to the retained messages that say so."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge.mqtt.shelf_messages import ShelfMessage, wire_counts
from edge.tags.shelf_state import ShelfState, ShelfView


@dataclass(frozen=True, slots=True)
class ShelfSender:
    """Where messages of shelves go, and whose they are."""

    site: str
    box: str
    run_id: str
    send: Callable[[ShelfMessage], None]

    def tell(self, view: ShelfView) -> None:
        """Send what stands in a zone, where that is known."""
        if view.state is None:
            return
        self.send(
            ShelfMessage(
                site=self.site,
                box=self.box,
                camera=view.state.camera,
                zone=view.zone,
                run_id=self.run_id,
                counts=wire_counts(view.state.counts),
                captured_at=view.state.captured_at,
                comparing=view.comparing,
            )
        )


class ShelfTeller:
    """Tells of one camera's shelves when something became different. Used under its lane's lock.

    Args:
        tell: Takes each zone that is not as it was told last.
    """

    def __init__(self, tell: Callable[[ShelfView], None]) -> None:
        self._tell = tell
        self._told: dict[str, tuple[ShelfState | None, bool]] = {}

    def __call__(self, views: Sequence[ShelfView]) -> None:
        """Take the zones as they are after a step."""
        for view in views:
            now = (view.state, view.comparing)
            if self._told.get(view.zone, (None, True)) != now:
                self._told[view.zone] = now
                self._tell(view)
