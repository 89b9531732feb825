"""Fields printed on parcels and products: asked for, voted on, told by OCR's name, never parcels, never guessed."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest

from edge.config import Codes
from edge.model.detections import Detections
from edge.tags.crops import AnyCrop, ClassifierUse, Crop, FieldCrop, Look
from edge.tags.events import EventKind, Tag, TagEvent, TagSource
from edge.tags.field_votes import LEAD, OcrUse
from edge.tags.interpreter import CameraInterpreter
from edge.tags.triggers import Trigger
from edge.tags.verdict import Attributes, VoteSettings
from edge.video.frame import ClockSource, Frame
from edge.video.section import Camera, FileSource, RtspSource
from edge.zones import Line

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
CLASSES = ("carton", "barcode", "name", "price")
OCR = OcrUse(VoteSettings(2, 4, LEAD))
SOURCE = FileSource(kind="file", path=Path("x.mp4"))
Box = tuple[float, float, float, float]
Found = list[tuple[str, Box]]
Says = Callable[[FieldCrop], str | None]


def picture(index: int, found: Found, camera: str = "c") -> tuple[Frame, Detections]:
    boxes = np.array([box for _, box in found], np.float32).reshape(-1, 4)
    ids = np.array([CLASSES.index(name) for name, _ in found], np.int32)
    image = np.full((200, 600, 3), 60, np.uint8)
    moment = START + timedelta(seconds=index / 10)
    frame = Frame(camera, index, moment, ClockSource.FILE, index / 10, index / 10, image)
    return frame, Detections(boxes, np.full(len(found), 0.9, np.float32), ids)


class Half:
    """A tags half whose fields are read by whoever says, some frames later; None reads nothing."""

    def __init__(self, half: CameraInterpreter, says: Says, delay: int = 0) -> None:
        self.half = half
        self.asked: list[FieldCrop] = []
        self._says = says
        self._delay = delay
        self._index = 0
        self.waiting: list[tuple[int, AnyCrop]] = []

    def run(self, frames: int, things: Callable[[int], Found]) -> list[TagEvent]:
        events: list[TagEvent] = []
        for _ in range(frames):
            frame, detections = picture(self._index, things(self._index))
            events += self.half.step(frame, detections, {})
            self.waiting += [(self._index, crop) for crop in self.half.wanted()]
            ready = [crop for asked, crop in self.waiting if self._index - asked >= self._delay]
            self.waiting = [entry for entry in self.waiting if self._index - entry[0] < self._delay]
            events += self.half.hear([self._look(crop) for crop in ready])
            self._index += 1
        return events

    def _look(self, crop: AnyCrop) -> Look:
        if isinstance(crop, Crop):
            return crop.seen((Tag("colour", "red", 0.9, TagSource.CLASSIFIER),))
        self.asked.append(crop)
        said = self._says(crop)
        return crop.seen(() if said is None else (Tag(crop.field, said, 0.98, TagSource.OCR),))


def belt(deadline_ms: int = 1000, ocr: OcrUse | None = OCR) -> CameraInterpreter:
    line = Line(name="gate", start=(0.5, 1.0), end=(0.5, 0.0), deadline_ms=deadline_ms)
    camera = Camera.model_validate({"name": "c", "source": SOURCE, "line": (line,)})
    return CameraInterpreter(camera, Codes(), CLASSES, ocr=ocr)


def crossing(*fields: tuple[str, float]) -> Callable[[int], Found]:
    """Let a carton cross, with fields at some heights on it."""

    def found(index: int) -> Found:
        left = min(20.0 + 20 * index, 480.0)
        printed = [(name, (left + 10, top, left + 70, top + 16)) for name, top in fields]
        return [("carton", (left, 60, left + 80, 140)), *printed]

    return found


def by_ocr(event: TagEvent) -> list[tuple[str, str]]:
    return [(tag.key, tag.value) for tag in event.tags if tag.source is TagSource.OCR]


def always(**texts: str) -> Says:
    return lambda crop: texts.get(crop.field)


def in_turn(*texts: str | None) -> Says:
    turns: Iterator[str | None] = cycle(texts)
    return lambda _: next(turns)


def test_a_parcel_is_told_with_its_fields_once_pictures_agree_and_they_are_not_read_again():
    half = Half(belt(), always(name="Oat Milk", price="4.99 EUR"), delay=1)
    (event,) = half.run(50, crossing(("name", 70), ("price", 100)))
    assert by_ocr(event) == [("name", "Oat Milk"), ("price", "4.99 EUR")]
    assert [tag.score for tag in event.tags if tag.source is TagSource.OCR] == [0.98, 0.98]
    assert len(half.asked) == 4  # two pictures of each
    crop = half.asked[0]
    left, top, right, bottom = (int(edge) for edge in crop.xyxy)
    assert (right - left, bottom - top) == (60, 16)
    assert min(left, top, crop.image.shape[1] - right, crop.image.shape[0] - bottom) >= 6  # room around it


@pytest.mark.parametrize("ocr", [OCR, None])
def test_fields_are_no_parcels_whether_they_are_read_or_not(ocr: OcrUse | None):
    half = Half(belt(ocr=ocr), always(name="Oat Milk"))
    events = half.run(50, crossing(("name", 70), ("price", 100)))
    assert [event.track_id for event in events] == [events[0].track_id]
    assert bool(half.asked) is (ocr is not None)


@pytest.mark.parametrize("says", [in_turn("4.99", "4.39"), in_turn(None), in_turn("4.99", None, None, None, None)])
def test_what_pictures_do_not_agree_on_is_absent(says: Says):
    half = Half(belt(), says)
    (event,) = half.run(50, crossing(("price", 90)))
    assert by_ocr(event) == []
    assert len(half.asked) == OCR.settings.most


def test_a_field_that_stands_on_a_parcel_twice_is_nobodys_to_choose():
    half = Half(belt(), always(price="4.99"))
    (event,) = half.run(50, crossing(("price", 70), ("price", 110)))
    assert (by_ocr(event), half.asked) == ([], [])


def test_one_field_of_a_camera_is_read_at_a_time_and_no_event_waits_beyond_its_deadline():
    half = Half(belt(deadline_ms=500), always(name="Oat Milk", price="4.99"), delay=1000)
    (event,) = half.run(60, crossing(("name", 70), ("price", 100)))
    crossed = next(index for index in range(60) if 20 + 20 * index + 40 > 300)
    assert (event.kind, by_ocr(event), event.late) == (EventKind.NO_READ, [], False)
    assert abs(event.frame_index - crossed) <= 2
    assert sum(isinstance(crop, FieldCrop) for _, crop in half.waiting) == 1


def test_a_trigger_is_answered_with_fields_and_class_as_soon_as_all_is_sure_and_by_its_deadline_without():
    use = ClassifierUse(Attributes(("colour",), (), {"colour": ("red",)}), VoteSettings(2, 4))
    source = RtspSource(kind="rtsp", url="rtsp://camera/x")
    camera = Camera(name="c", source=source, policy="trigger", trigger_deadline_ms=2000)

    def run(says: Says) -> TagEvent:
        gate = CameraInterpreter(camera, Codes(), CLASSES, classifier=use, ocr=OCR)
        gate.trigger(Trigger("t", 0.0, START))
        half = Half(gate, says)
        events = half.run(30, lambda _: crossing(("name", 70))(5))
        (event,) = events
        assert {(tag.key, tag.value) for tag in event.tags if tag.source is TagSource.CLASSIFIER} == {("colour", "red")}
        return event

    assert by_ocr(run(always(name="Oat Milk"))) == [("name", "Oat Milk")]
    assert by_ocr(run(always())) == []


def shelf_with(says: Says, **zone: object) -> Half:
    whole = {"name": "rack", "rectangle": (0.0, 0.0, 1.0, 1.0), "debounce_s": 0.5, "put_back_s": 1.0, **zone}
    camera = Camera.model_validate({"name": "c", "source": SOURCE, "shelf": (whole,)})
    return Half(CameraInterpreter(camera, Codes(), CLASSES, ocr=OCR), says, delay=1)


def standing(*lefts: float) -> Found:
    found: Found = []
    for left in lefts:
        found += [("carton", (left, 60, left + 80, 140)), ("price", (left + 10, 70, left + 70, 90))]
    return found


def test_a_product_is_told_with_what_is_printed_on_it_and_its_price_is_no_product():
    half = shelf_with(always(price="4.99 EUR"))
    first = half.run(20, lambda _: standing(50))
    assert {event.stock.tag: event.stock.count for event in first if event.stock} == {"carton": 1}
    later = half.run(30, lambda _: standing(50, 300))
    (come,) = (event for event in later if event.kind is EventKind.APPEARED)
    assert by_ocr(come) == [("price", "4.99 EUR")]
    gone = half.run(40, lambda _: standing(300))
    (removed,) = (event for event in gone if event.kind is EventKind.REMOVED)
    assert by_ocr(removed) == [("price", "4.99 EUR")]


def test_a_product_whose_print_cannot_be_read_is_told_all_the_same():
    half = shelf_with(in_turn("4.99", "4.39"))
    events = half.run(60, lambda index: standing(50) if index > 20 else [])
    (come,) = (event for event in events if event.kind is EventKind.APPEARED)
    assert by_ocr(come) == []
    assert [event.stock.count for event in events if event.kind is EventKind.COUNT and event.stock][-1] == 1
