"""What a box does with events beside delivering them: their pictures are looked at once, kept or let go."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace

from edge.audit.desk import AuditDesk
from edge.config import BoxConfig
from edge.drift.judge import Off
from edge.drift.watch import DriftWatch
from edge.hard_cases.judging import agreement
from edge.hard_cases.keeper import CaseKeeper, Origin
from edge.runtime.classifier_in_use import ClassifierInUse
from edge.runtime.lane import Inferred
from edge.runtime.model_in_use import ModelInUse
from edge.tags.events import TagEvent
from edge.tags.interpreter import CameraInterpreter
from edge.tags.routing import RoutingTables

_STOP_KEEPER_S = 5.0


class Keeping:
    """Who sees events with their pictures, once they are decided.

    Args:
        config: The box.
        models: In use.
        classifiers: Of the box, None where it has none.

    Attributes:
        cases: Keeps hard cases; None where the configuration asks for none.
        audit: Where people confirm or correct events; None likewise.
        drift: Compares cameras with what they were; None likewise.

    Raises:
        EdgekitError: Something that the configuration names cannot be used.
    """

    def __init__(self, config: BoxConfig, models: ModelInUse, classifiers: ClassifierInUse | None) -> None:
        self._classifiers = classifiers
        self.cases: CaseKeeper | None = None
        if config.hard_cases is not None:
            origin = Origin(
                config.box.site,
                config.box.name,
                lambda: models.current.classes,
                lambda: classifiers.current.bundle if classifiers is not None else None,
            )
            self.cases = CaseKeeper(config.hard_cases, origin)
        keep_answer = self.cases.keep_answer if self.cases is not None else None
        self.audit = AuditDesk(config.audit, keep_answer) if config.audit is not None else None
        names = [camera.name for camera in config.cameras]
        self.drift = DriftWatch(config.drift, names, models.current.digest) if config.drift is not None else None
        self._agreements: Counter[tuple[str, bool]] = Counter()
        self._counting = threading.Lock()

    def start(self, stack: ExitStack) -> None:
        """Begin to keep, until the stack unwinds."""
        if self.cases is not None:
            self.cases.start()
            stack.callback(self.cases.stop, _STOP_KEEPER_S)

    def pass_on(
        self, events: Sequence[TagEvent], tables: RoutingTables, commit: Callable[[Sequence[TagEvent]], None]
    ) -> None:
        """Give events their products, let them be committed, then look at their pictures; waits for nothing else.

        Their pictures end here: events may wait for a disk, and stay in memory to be shown.
        """
        taught = self._classifiers.current.gallery.digest if self._classifiers is not None else None
        told = [replace(tables.applied_to(event), gallery_digest=taught) for event in events]
        bare = [replace(event, evidence=None) for event in told]
        commit(bare)
        if self.cases is not None:
            self.cases.offer(told, tables.catalogue)
        if self.audit is not None:
            self.audit.offer(told, bare)
        if self.drift is not None:
            self.drift.see_events(told)
        for event in bare:
            if (agrees := agreement(event, tables.catalogue)) is not None:
                with self._counting:
                    self._agreements[event.camera, agrees] += 1

    def observe(self, inferred: Inferred, half: CameraInterpreter) -> None:
        """Take a frame that went through its lane."""
        del half
        if self.drift is not None and not inferred.still and inferred.model_digest is not None:
            self.drift.see_frame(inferred.frame, inferred.detections, inferred.classes, inferred.model_digest)

    @property
    def drifted(self) -> dict[str, tuple[Off, ...]]:
        """What has moved, by camera."""
        return self.drift.off if self.drift is not None else {}

    @property
    def alarms(self) -> tuple[str, ...]:
        """What is wrong, for the box's status."""
        return self.drift.alarms if self.drift is not None else ()

    @property
    def agreements(self) -> dict[tuple[str, bool], int]:
        """How often code and classifier told the same product, or two, by camera."""
        with self._counting:
            return dict(self._agreements)
