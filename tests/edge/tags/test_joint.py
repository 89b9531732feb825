"""A box around two parcels that touch: each gets an event of its own, and neither gets the other's text."""

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
import zxingcpp

from edge.config import Codes
from edge.model.detections import Detections
from edge.tags.ballot import Ballot
from edge.tags.codes import CodeRead
from edge.tags.interpreter import CameraInterpreter
from edge.tags.joint import BoxWatch
from edge.video.frame import ClockSource, Frame
from edge.video.section import Camera, FileSource
from edge.zones import Line

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
LINE = Line(name="gate", start=(0.5, 1.0), end=(0.5, 0.0))
SIDE = 160
Boxes = Sequence[tuple[int, int]]  # left and right edges of what the detector takes for a parcel


def scene(index: int, left: int, texts: tuple[str, str], boxes: Boxes) -> tuple[Frame, Detections]:
    """Two parcels beside one another, the rear one at `left`, each with a code; the boxes are what is found of them."""
    image = np.full((300, 1000, 3), 120, np.uint8)
    rows = [[x0, 60, x1, 60 + SIDE] for x0, x1 in boxes]
    for place, text in enumerate(texts):
        code = np.asarray(zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode).to_image(scale=3))
        code = code[:, :, 0] if code.ndim == 3 else code
        side, x = code.shape[0], left + place * SIDE + 30
        image[90 : 90 + side, x : x + side] = code[:, :, None]
        rows.append([x, 90, x + side, 90 + side])
    found = np.array(rows, np.float32)
    classes = np.array([0] * len(boxes) + [1] * len(texts), np.int32)
    media_s = index / 30
    frame = Frame("belt", index, START + timedelta(seconds=media_s), ClockSource.FILE, media_s, media_s, image)
    return frame, Detections(found, np.full(len(found), 0.9, np.float32), classes)


def told(*, one_per_parcel: bool, apart: range = range(0)) -> list[tuple[str, list[str]]]:
    """Return kinds and texts of the events of two parcels in one box, told apart in some frames."""
    camera = Camera(name="belt", source=FileSource(kind="file", path=Path("x.mp4")), line=(LINE,))
    half = CameraInterpreter(camera, Codes(one_per_parcel=one_per_parcel), ("carton", "qr"))
    events = []
    for index, left in enumerate(range(4, 640, 12)):
        two = [(left, left + SIDE), (left + SIDE, left + 2 * SIDE)]
        boxes = two if index in apart else [(left, left + 2 * SIDE)]
        events += half.step(*scene(index, left, ("REAR", "FRONT"), boxes), {})
    events += half.finish()
    return [(event.kind.value, [tag.value for tag in event.tags if tag.key == "code"]) for event in events]


def test_two_parcels_in_one_box_are_told_one_by_one_where_each_bears_one_text():
    assert told(one_per_parcel=True) == [("read", ["FRONT"]), ("read", ["REAR"])]


def test_a_box_with_two_texts_is_a_multi_read_where_a_parcel_may_bear_several():
    ((kind, texts),) = told(one_per_parcel=False)
    assert (kind, sorted(texts)) == ("multi_read", ["FRONT", "REAR"])


def test_parcels_that_the_detector_tells_apart_late_keep_their_own_texts():
    for one_per_parcel in (True, False):
        events = told(one_per_parcel=one_per_parcel, apart=range(12, 1000))
        assert ("read", ["REAR"]) in events
        assert all(texts in (["FRONT"], ["REAR"]) for _, texts in events)


@pytest.mark.parametrize("until", range(20, 34, 2))
def test_a_parcel_that_was_told_is_not_told_again_from_a_box_around_it_and_the_next(until: int):
    assert told(one_per_parcel=True, apart=range(until)) == [("read", ["FRONT"]), ("read", ["REAR"])]


def test_a_text_read_in_another_box_counts_only_once_it_is_read_again():
    ballot = Ballot(2)
    for text, x in (("A", 25.0), ("A", 25.0), ("B", 75.0), ("B", 75.0)):
        ballot.vote(CodeRead(text, "QRCode", x, 50.0), (0.0, 0.0, 100.0, 100.0))
    assert [text.text for text in ballot.texts] == ["A", "B"]
    ballot.doubt()
    assert ballot.texts == ()
    ballot.vote(CodeRead("A", "QRCode", 25.0, 50.0), (0.0, 0.0, 50.0, 100.0))
    assert [(text.text, text.x) for text in ballot.texts] == [("A", 0.5)]


def test_a_box_that_halves_is_another_one_and_one_that_leaves_the_picture_is_not():
    watch = BoxWatch()
    assert not watch.changed((0.0, 0.0, 400.0, 100.0), cut_off=False)
    assert watch.changed((0.0, 0.0, 200.0, 100.0), cut_off=False)
    leaving = BoxWatch()
    assert not any(leaving.changed((600.0 + 20 * step, 0.0, 1000.0, 100.0), cut_off=True) for step in range(16))
