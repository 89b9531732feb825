"""Which model saw which frame of a camera: an event is told some frames after the one that decided it."""

from collections import deque

from edge.tags.events import TagEvent

_MOST_CHANGES = 16  # exchanges and rollbacks that lie between a deciding frame and its event


class SeenBy:
    """The models of one camera's last frames. Used under its lane's lock."""

    def __init__(self) -> None:
        self._changes: deque[tuple[int, str | None]] = deque(maxlen=_MOST_CHANGES)

    def note(self, frame_index: int, digest: str | None) -> None:
        """Say which model saw a frame; frames come in order."""
        if not self._changes or self._changes[-1][1] != digest:
            self._changes.append((frame_index, digest))

    def of(self, event: TagEvent) -> str | None:
        """Return the digest of the model that saw an event's frame; of the newest frame where it has none."""
        if event.frame_size is None:
            return self._changes[-1][1] if self._changes else None
        before = (digest for begin, digest in reversed(self._changes) if begin <= event.frame_index)
        return next(before, None)
