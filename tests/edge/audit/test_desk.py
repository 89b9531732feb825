"""Events drawn at random and what people say of them: each counts once, on disk, with an honest interval."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import EdgekitError
from edge.audit.desk import AuditDesk, OtherAnswerError, UnknownCaseError
from edge.audit.figures import share
from edge.audit.section import Audit
from edge.audit.tally import Verdict
from edge.hard_cases.keeper import CaseCrop
from edge.tags.events import EventKind, Evidence, Tag, TagEvent, TagSource
from edge.video.frame import ClockSource, Frame

Make = Callable[..., Any]
NOON = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)


def event(kind: EventKind = EventKind.READ, camera: str = "belt", model: str = "a") -> TagEvent:
    frame = Frame(camera, 1, NOON, ClockSource.HOST, 0.0, 0.0, np.full((60, 80, 3), 90, np.uint8))
    return TagEvent(
        camera=camera,
        kind=kind,
        captured_at=NOON,
        clock=ClockSource.HOST,
        arrived_s=0.0,
        frame_index=1,
        tags=(Tag("code", "4006381333931", 1.0, TagSource.BARCODE, "EAN13"),) if kind is EventKind.READ else (),
        model_digest=model,
        evidence=Evidence(frame, (10.0, 10.0, 50.0, 40.0)),
    )


def offer(desk: AuditDesk, *events: TagEvent) -> None:
    desk.offer(events, [replace(one, evidence=None) for one in events])


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., AuditDesk]:
    def desk(one_in: int = 1, keep: Any = None, **changes: Any) -> AuditDesk:
        settings = Audit(one_in=one_in, state=tmp_path / "audit.json", **changes)
        return AuditDesk(settings, keep, random.Random(7).random)

    return desk


def test_one_in_n_events_of_any_kind_is_drawn_and_its_picture_can_be_seen(make: Make):
    desk = make(one_in=20, most_waiting=500)
    offer(desk, *(event(EventKind.READ if number % 4 else EventKind.NO_READ) for number in range(4000)))
    assert 150 < desk.drawn < 250
    unread = sum(not case.told for case in desk.waiting)
    assert 0.1 < unread / desk.drawn < 0.4
    assert desk.picture(desk.waiting[0].id).startswith(b"\xff\xd8")
    assert desk.picture("unknown") is None
    assert all(case.event.evidence is None for case in desk.waiting)


def test_precision_and_read_accuracy_are_of_what_people_said(make: Make):
    desk = make()
    for kind, verdict in (
        *[(EventKind.READ, Verdict.RIGHT)] * 8,
        (EventKind.READ, Verdict.WRONG),
        (EventKind.NO_READ, Verdict.RIGHT),  # there was nothing to read
        *[(EventKind.NO_READ, Verdict.WRONG)] * 3,  # a person can read it
        (EventKind.READ, Verdict.UNSURE),
    ):
        offer(desk, event(kind))
        assert desk.answer(desk.waiting[0].id, verdict, {}) is False
    counts = desk.counts["belt"]
    assert (counts.precision.right, counts.precision.of) == (8, 9)
    assert (counts.read_accuracy.right, counts.read_accuracy.of) == (8, 12)
    assert counts.unsure == 1
    assert desk.waiting == ()


def test_the_same_answer_twice_counts_once_and_another_one_is_refused_also_after_a_restart(make: Make):
    kept: list[dict[str, str]] = []

    def keep(_event: TagEvent, _crop: CaseCrop, answer: dict[str, str]) -> None:
        kept.append(answer)

    desk = make(keep=keep)
    offer(desk, event())
    number = desk.waiting[0].id
    assert desk.answer(number, Verdict.WRONG, {"code": "123"}) is False
    assert desk.answer(number, Verdict.WRONG, {"code": "123"}) is True
    with pytest.raises(OtherAnswerError, match="answered already: wrong"):
        desk.answer(number, Verdict.RIGHT, {})
    again = make()
    assert again.answer(number, Verdict.WRONG, {"code": "123"}) is True
    with pytest.raises(OtherAnswerError):
        again.answer(number, Verdict.WRONG, {"code": "124"})
    with pytest.raises(UnknownCaseError):
        again.answer("made-up", Verdict.RIGHT, {})
    assert again.counts["belt"].told_wrong == 1
    assert kept == [{"code": "123"}]


def test_a_new_model_begins_anew(make: Make):
    desk = make()
    for model in ("a", "a", "b"):
        offer(desk, event(model=model))
        desk.answer(desk.waiting[0].id, Verdict.RIGHT, {})
    assert desk.counts["belt"].told_right == 1


def test_the_oldest_gives_way_and_is_counted(make: Make):
    desk = make(most_waiting=2)
    offer(desk, event(camera="a"), event(camera="b"), event(camera="c"))
    assert [case.event.camera for case in desk.waiting] == ["c", "b"]
    assert desk.given_way == 1


def test_an_answer_that_cannot_be_written_down_does_not_count_and_the_case_goes_on_waiting(make: Make, tmp_path: Path):
    desk = make()
    offer(desk, event())
    (tmp_path / "audit.json").mkdir()
    with pytest.raises(EdgekitError, match="make room"):
        desk.answer(desk.waiting[0].id, Verdict.RIGHT, {})
    (tmp_path / "audit.json").rmdir()
    assert len(desk.waiting) == 1
    assert desk.answer(desk.waiting[0].id, Verdict.RIGHT, {}) is False
    (tmp_path / "audit.json").write_text("{}x")
    with pytest.raises(EdgekitError, match="no answers of an audit"):
        make()


@given(st.integers(1, 500), st.data())
def test_an_interval_holds_its_share_and_shrinks_with_more_answers(of: int, data: st.DataObject):
    right = data.draw(st.integers(0, of))
    one, more = share(right, of), share(10 * right, 10 * of)
    assert 0 <= one.low <= one.value <= one.high <= 1
    assert more.high - more.low < one.high - one.low


def test_the_interval_is_wilsons():
    assert (round(share(8, 10).low, 4), round(share(8, 10).high, 4)) == (0.4902, 0.9433)
