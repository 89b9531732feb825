"""Shelf zones in box.toml: what can be counted is accepted, what contradicts itself is refused with its key."""

from pathlib import Path

import pytest

from devices.errors import EdgekitError
from edge.config import load_config

WHOLE = """
[box]
site = "hamburg"
name = "shop1"

[bundle]
path = "bundle"

[outbox]
path = "outbox.db"

[[camera]]
name = "wall"
source = { kind = "usb", device = "/dev/video0" }

[[camera.line]]
name = "gate"
start = [0.7, 0.0]
end = [0.7, 1.0]

[[camera.shelf]]
name = "left"
rectangle = [0.1, 0.2, 0.6, 0.9]
tags = ["cola", "water"]
expected = ["cola"]
min = 2
max = 8
debounce_s = 1.5
put_back_s = 20
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "box.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_camera_may_have_lines_and_shelves(tmp_path: Path):
    (camera,) = load_config(write(tmp_path, WHOLE)).cameras
    (shelf,) = camera.shelves
    assert [line.name for line in camera.lines] == ["gate"]
    assert (shelf.least, shelf.most, shelf.debounce_s, shelf.put_back_s) == (2, 8, 1.5, 20.0)
    assert shelf.corners == ((0.1, 0.2), (0.6, 0.2), (0.6, 0.9), (0.1, 0.9))


def test_a_shelf_needs_no_more_than_a_name_and_an_area(tmp_path: Path):
    head, _, _ = WHOLE.partition("[[camera.line]]")
    text = head + '[[camera.shelf]]\nname = "all"\npolygon = [[0, 0], [1, 0], [0.5, 1]]\n'
    (shelf,) = load_config(write(tmp_path, text)).cameras[0].shelves
    assert shelf.corners == ((0.0, 0.0), (1.0, 0.0), (0.5, 1.0))
    assert (shelf.tags, shelf.expected, shelf.least, shelf.most) == ((), (), 1, None)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("rectangle = [0.1, 0.2, 0.6, 0.9]\n", "", "camera[0].shelf[0]: a shelf needs either a rectangle or a polygon"),
        ("min = 2", "polygon = [[0, 0], [1, 0], [1, 1]]", "a shelf needs either a rectangle or a polygon"),
        ("[0.1, 0.2, 0.6, 0.9]", "[0.6, 0.2, 0.1, 0.9]", "left less than right, top less than bottom"),
        ("[0.1, 0.2, 0.6, 0.9]", "[0.1, 0.2, 0.6]", "camera[0].shelf[0].rectangle[3] is missing"),
        ("[0.1, 0.2, 0.6, 0.9]", "[0.1, 0.2, 0.6, 1.9]", "camera[0].shelf[0].rectangle[3]: Input should be less than"),
        (
            "rectangle = [0.1, 0.2, 0.6, 0.9]",
            "polygon = [[0.1, 0.1], [0.2, 0.2], [0.7, 0.7]]",
            "the corners of polygon lie on one line",
        ),
        ('tags = ["cola", "water"]', 'tags = ["water"]', "cola stands in expected and not in tags"),
        ("max = 8", "max = 1", "max 1 is less than min 2"),
        ('expected = ["cola"]', "", "min and max hold for expected classes: name them in expected"),
        ("max = 8", 'max = 8\noccluders = ["water"]', "water cannot both count and hide what counts"),
        ("max = 8", "most = 8", "unknown key camera[0].shelf[0].most; allowed here: name, rectangle, polygon, tags"),
        ('name = "left"', 'name = "gate"', "two lines or shelves have the same name: gate, gate"),
        ('name = "left"', 'name = "le/ft"', "camera[0].shelf[0].name: 1 to 64 letters, digits, - or _"),
        ("debounce_s = 1.5", "debounce_s = -1", "camera[0].shelf[0].debounce_s: Input should be greater than or equal"),
    ],
)
def test_each_fault_of_a_shelf_is_named_in_one_line(tmp_path: Path, old: str, new: str, said: str):
    assert old in WHOLE
    with pytest.raises(EdgekitError) as caught:
        load_config(write(tmp_path, WHOLE.replace(old, new, 1)))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", ["polygon", "masks"])
@pytest.mark.parametrize(
    ("corners", "said"),
    [
        ([[0.1, 0.1], [0.9, 0.9], [0.9, 0.1], [0.1, 0.8]], "two sides of the polygon cross"),
        ([[0.5, 0.1], [0.7, 0.9], [0.1, 0.4], [0.9, 0.4], [0.3, 0.9]], "two sides of the polygon cross"),  # a star
        ([[0.1, 0.1], [0.9, 0.1], ["nan", 0.9]], "less than or equal to 1"),
        ([[0.1, 0.1], [0.9, 0.1], ["-inf", 0.9]], "greater than or equal to 0"),
        ([[n / 1000, 0.0 if n % 2 else 0.5] for n in range(1000)], "at most 256 items"),
    ],
)
def test_a_polygon_that_is_no_plain_area_is_refused(tmp_path: Path, place: str, corners: list[list[object]], said: str):
    head, _, _ = WHOLE.partition("[[camera.line]]")
    written = str(corners).replace("'", "")
    text = f'[[camera.shelf]]\nname = "all"\npolygon = {written}\n' if place == "polygon" else f"masks = [{written}]\n"
    with pytest.raises(EdgekitError, match=said):
        load_config(write(tmp_path, head + text))


def test_a_polygon_whose_sides_only_touch_is_an_area(tmp_path: Path):
    head, _, _ = WHOLE.partition("[[camera.line]]")
    mask = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.5, 0.1], [0.1, 0.9]]
    (camera,) = load_config(write(tmp_path, f"{head}masks = [{mask}]\n")).cameras
    assert len(camera.masks[0]) == 5
