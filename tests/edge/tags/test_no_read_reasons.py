"""Rendered labels that cannot be read, on parcels that cross a line: each is told as not read for its own reason."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest
import zxingcpp
from numpy.typing import NDArray

from edge.config import Codes
from edge.model.detections import Detections
from edge.tags.events import EventKind, NoReadReason, TagEvent
from edge.tags.interpreter import CameraInterpreter
from edge.video.frame import ClockSource, Frame
from edge.video.section import Camera, FileSource
from edge.zones import Line

Gray = NDArray[np.uint8]

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
CLASSES = ("carton", "barcode", "qr")
PAPER, INK = 205, 25
# Digits of EAN-13 as bars, by the set that the first digit chooses. Source: GS1 General Specifications, 5.2.1.
SETS = {
    "A": ["0001101", "0011001", "0010011", "0111101", "0100011", "0110001", "0101111", "0111011", "0110111", "0001011"],
    "B": ["0100111", "0110011", "0011011", "0100001", "0011101", "0111001", "0000101", "0010001", "0001001", "0010111"],
    "C": ["1110010", "1100110", "1101100", "1000010", "1011100", "1001110", "1010000", "1000100", "1001000", "1110100"],
}
FOUR = "ABAABB"  # how the digits 2 to 7 are drawn where the first is a 4


def ean13(digits: str) -> Gray:
    """Return the modules (1, 95) of an EAN-13 that begins with 4, whatever its check digit; bars are INK."""
    left = "".join(SETS[kind][int(digit)] for kind, digit in zip(FOUR, digits[1:7], strict=True))
    right = "".join(SETS["C"][int(digit)] for digit in digits[7:])
    modules = np.array([[sign == "1" for sign in f"101{left}01010{right}101"]])
    return np.where(modules, INK, PAPER).astype(np.uint8)


def label(modules: Gray, module_px: int = 3) -> Gray:
    """Return a label (H, W) with a linear code and its quiet zones."""
    bars = np.kron(np.repeat(modules, 25, axis=0), np.ones((module_px, module_px), np.uint8))
    room = 12 * module_px
    return cv2.copyMakeBorder(bars, room, room, room, room, cv2.BORDER_CONSTANT, value=(PAPER,)).astype(np.uint8)


def qr_label(text: str) -> Gray:
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode)
    drawn = np.asarray(zxingcpp.write_barcode_to_image(code, scale=5, add_quiet_zones=True))
    return np.where(drawn > 127, PAPER, INK).astype(np.uint8)


def small(drawn: Gray) -> Gray:
    """Return a label from so far away that two modules share three pixels."""
    return cv2.resize(drawn, None, fx=0.25, fy=0.5, interpolation=cv2.INTER_AREA).astype(np.uint8)


def under_glare(drawn: Gray) -> Gray:
    """Return a label of which a lamp takes the middle, softly at its rim."""
    height, width = drawn.shape
    across = np.abs(np.linspace(-1, 1, width))[None, :].repeat(height, axis=0)
    lamp = np.clip((0.75 - across) / 0.1, 0, 1)
    return np.clip(drawn + 260 * lamp, 0, 255).astype(np.uint8)


def torn(drawn: Gray) -> Gray:
    """Return a label of which a strip over all bars is gone in each half of the code."""
    damaged = drawn.copy()
    width = drawn.shape[1]
    for middle in (0.35, 0.66):
        damaged[:, int((middle - 0.06) * width) : int((middle + 0.06) * width)] = 120
    return damaged


def crossing(drawn: Gray | None, kind: str = "barcode", blur_px: float = 0.0) -> TagEvent:
    """Move a parcel with a label over a line, found by a perfect detector, and return its event.

    Args:
        drawn: The label, None for none.
        kind: Its class.
        blur_px: Sigma of the blur of the whole picture, as of a lens out of focus.
    """
    camera = Camera(
        name="belt",
        source=FileSource(kind="file", path=Path("x.mp4")),
        line=(Line(name="gate", start=(0.5, 1.0), end=(0.5, 0.0)),),
    )
    half, events, side = CameraInterpreter(camera, Codes(), CLASSES), [], 420
    for index, left in enumerate(range(0, 860, 20)):
        image = np.full((500, 1280, 3), 60, np.uint8)
        cv2.rectangle(image, (left, 40), (left + side, 40 + side), (90, 140, 190), cv2.FILLED)
        boxes, classes = [[left, 40, left + side, 40 + side]], [0]
        if drawn is not None:
            height, width = drawn.shape
            x, y = left + (side - width) // 2, 40 + (side - height) // 2
            image[y : y + height, x : x + width] = drawn[:, :, None]
            boxes.append([x, y, x + width, y + height])
            classes.append(CLASSES.index(kind))
        if blur_px:
            image = cv2.GaussianBlur(image, (0, 0), blur_px).astype(np.uint8)
        found = Detections(
            np.array(boxes, np.float32), np.full(len(boxes), 0.9, np.float32), np.array(classes, np.int32)
        )
        seconds = index / 30
        captured_at = START + timedelta(seconds=seconds)
        events += half.step(Frame("belt", index, captured_at, ClockSource.FILE, seconds, seconds, image), found, {})
    (event,) = [*events, *half.finish()]
    return event


GOOD = ean13("4006381333931")


def test_a_whole_label_is_read() -> None:
    assert [tag.value for tag in crossing(label(GOOD)).tags if tag.key == "code"] == ["4006381333931"]
    assert crossing(qr_label("PARCEL-7"), "qr").kind is EventKind.READ


@pytest.mark.parametrize(
    ("draw", "kind", "blur_px", "reason"),
    [
        (lambda: None, "barcode", 0.0, NoReadReason.NO_LABEL),
        (lambda: small(label(GOOD)), "barcode", 0.0, NoReadReason.TOO_SMALL),
        (lambda: label(GOOD), "barcode", 6.0, NoReadReason.BLURRED),
        (lambda: qr_label("PARCEL-7"), "qr", 6.0, NoReadReason.BLURRED),
        (lambda: under_glare(label(GOOD)), "barcode", 0.0, NoReadReason.GLARE),
        (lambda: under_glare(qr_label("PARCEL-7")), "qr", 0.0, NoReadReason.GLARE),
        (lambda: torn(label(GOOD)), "barcode", 0.0, NoReadReason.DAMAGED),
        (lambda: torn(qr_label("PARCEL-7")), "qr", 0.0, NoReadReason.DAMAGED),
        (lambda: label(ean13("4006381333932")), "barcode", 0.0, NoReadReason.CHECKSUM_WRONG),
        (lambda: label(ean13("4006381333913")), "barcode", 0.0, NoReadReason.CHECKSUM_WRONG),
    ],
)
def test_each_label_that_cannot_be_read_is_told_for_its_own_reason(
    draw: Callable[[], Gray | None], kind: str, blur_px: float, reason: NoReadReason
) -> None:
    event = crossing(draw(), kind, blur_px)
    assert (event.kind, event.reason) == (EventKind.NO_READ, reason)
    assert not any(tag.key == "code" for tag in event.tags)
