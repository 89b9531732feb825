"""The outbox against a model: no gap, no duplicate, and every loss told exactly."""

import shutil
import tempfile
from datetime import datetime, timezone
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from edge.mqtt.bounds import Bounds
from edge.mqtt.conversion import Origin
from edge.mqtt.messages import EventBody
from edge.mqtt.outbox import Outbox
from edge.tags.events import EventKind, TagEvent
from edge.video.frame import ClockSource

CAMERAS = ("belt", "dock", "gate")
Place = tuple[str, int]


def _event(camera: str) -> TagEvent:
    now = datetime(2025, 3, 1, tzinfo=timezone.utc)
    return TagEvent(camera, EventKind.READ, now, ClockSource.HOST, 0.0, 0)


class OutboxMachine(RuleBasedStateMachine):
    """Commits, deliveries and restarts in any order, under a small bound."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runs = 0
        self.committed: list[Place] = []  # by the caller, in order
        self.delivered: dict[Place, EventBody] = {}
        self.newest_given: dict[str, int] = {}

    @initialize(max_events=st.integers(5, 12))
    def begin(self, max_events: int) -> None:
        self.max_events = max_events
        self.outbox = self._opened()

    @rule(cameras=st.lists(st.sampled_from(CAMERAS), min_size=1, max_size=8))
    def commit(self, cameras: list[str]) -> None:
        expected = {name: position.last_seq for name, position in self.outbox.positions().items()}
        for camera, seq in zip(cameras, self.outbox.commit([_event(name) for name in cameras]), strict=True):
            expected[camera] = expected.get(camera, 0) + 1
            assert seq == expected[camera]
            self.committed.append((camera, seq))

    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        pending = self._pending()
        if pending:
            chosen = data.draw(st.sets(st.sampled_from(sorted(pending))))
            self.delivered.update({place: pending[place] for place in chosen})
            self.outbox.delivered(sorted(chosen))

    @rule()
    def restart(self) -> None:
        epoch = self.outbox.epoch
        self.outbox.close()
        self.outbox = self._opened()
        assert self.outbox.epoch == epoch

    @invariant()
    def every_seq_is_delivered_pending_or_told_once(self) -> None:
        if not self.runs:
            return
        pending = self._pending()
        assert not set(pending) & set(self.delivered)
        told = [
            (body.camera, seq)
            for body in (*pending.values(), *self.delivered.values())
            if body.interval is not None
            for first, last in body.interval.seqs
            for seq in range(first, last + 1)
        ]
        assert len(told) == len(set(told))
        assert not set(told) & (set(pending) | set(self.delivered))
        known = set(told) | set(pending) | set(self.delivered)
        for camera, position in self.outbox.positions().items():
            assert {seq for name, seq in known if name == camera} == set(range(1, position.last_seq + 1))
            assert position.last_seq >= self.newest_given.get(camera, 0)
            self.newest_given[camera] = position.last_seq

    @invariant()
    def what_is_kept_is_within_the_bound_and_the_newest(self) -> None:
        if not self.runs:
            return
        pending = self._pending()
        assert self.outbox.depth == len(pending) <= self.max_events
        undelivered = [place for place in self.committed if place not in self.delivered]
        kept = [place for place in undelivered if place in pending]
        assert kept == undelivered[len(undelivered) - len(kept) :]
        in_order = [place for place, body in pending.items() if body.kind is not EventKind.LOST]
        assert in_order == kept

    def teardown(self) -> None:
        if self.runs:
            self.outbox.close()
        shutil.rmtree(self.folder)

    def _opened(self) -> Outbox:
        self.runs += 1
        origin = Origin("hall", "box", f"run-{self.runs}")
        return Outbox.open(self.folder / "outbox.sqlite", origin=origin, bounds=Bounds(self.max_events))

    def _pending(self) -> dict[Place, EventBody]:
        return {(event.body.camera, event.body.seq): event.body for event in self.outbox.pending(1_000)}


OutboxMachine.TestCase.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
TestOutbox = OutboxMachine.TestCase
