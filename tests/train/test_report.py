"""A run's report is one file that needs nothing beside it, shows every figure, and believes no text to be HTML."""

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from train.epoch_figures import EpochFigures
from train.plots import Confusion, plot_confusion, plot_group
from train.report import RunReport, SideBySide, write_report

EPOCHS = [
    EpochFigures(1, {"loss": {"box": 2.0, "class": 1.0}, "mAP50": {"carton": 0.1}}),
    EpochFigures(2, {"loss": {"box": 1.0, "class": 0.5}, "mAP50": {"carton": 0.6, "barcode": 0.3}}),
]
CONFUSION = Confusion(np.array([[5, 2, 0], [0, 7, 1], [3, 0, 0]]), ("carton", "barcode", "nothing"))


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.images: list[NDArray[np.uint8]] = []
        self.sources: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in {"src", "href"} and value is not None:
                self.sources.append(value)

    def handle_data(self, data: str) -> None:
        self.text += data


def decoded(source: str) -> NDArray[np.uint8]:
    content = base64.b64decode(source.split(",", 1)[1])
    return np.asarray(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def written(report: RunReport, folder: Path) -> Page:
    write_report(report, folder / "report.html")
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_a_report_holds_all_its_pictures_and_loads_nothing(tmp_path: Path):
    left, right = np.full((40, 60, 3), (0, 0, 255), np.uint8), np.full((40, 60, 3), (0, 255, 0), np.uint8)
    report = RunReport(
        "runs/first",
        "edgekit train detector OUT",
        '{"epochs": 2}',
        facts={"best epoch": "2"},
        epochs=EPOCHS,
        confusion=CONFUSION,
        errors=[SideBySide("a carton was missed on a.png", left, right)],
    )
    page = written(report, tmp_path)
    assert all(source.startswith("data:image/") for source in page.sources)
    loss, scores, confusion, labelled, predicted = (decoded(source) for source in page.sources)
    assert loss.shape == scores.shape
    assert not np.array_equal(loss, scores)
    assert confusion.shape[0] == confusion.shape[1]
    assert labelled.shape == (40, 60, 3)
    assert labelled.mean(axis=(0, 1))[2] > 240  # what is labelled stands on the left
    assert predicted.mean(axis=(0, 1))[1] > 240
    for told in ("edgekit train detector OUT", '{"epochs": 2}', "best epoch", "a carton was missed on a.png"):
        assert told in page.text
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]


def test_names_that_look_like_html_are_shown_and_not_obeyed(tmp_path: Path):
    evil = "<script>alert(1)</script>"
    picture = np.zeros((8, 8, 3), np.uint8)
    confusion = Confusion(np.array([[1, 2], [0, 1]]), (evil, "$x_$"))
    epochs = [EpochFigures(1, {"loss": {evil: 1.0, "_hidden $": 2.0}})]
    errors = [SideBySide(evil, picture, picture)]
    page = written(RunReport(evil, evil, evil, {evil: evil}, epochs, confusion, errors, [evil]), tmp_path)
    assert "script" not in page.tags
    assert (
        page.text.count(evil) == 9
    )  # title and head line, note, fact's name and value, mistake, caption, command, config


def test_a_large_picture_is_shrunk_in_proportion(tmp_path: Path):
    picture = np.zeros((1000, 2000, 3), np.uint8)
    page = written(RunReport("t", "c", "{}", errors=[SideBySide("wide", picture, picture)]), tmp_path)
    assert [decoded(source).shape for source in page.sources] == [(280, 560, 3)] * 2


def test_parts_of_which_nothing_is_known_are_left_out(tmp_path: Path):
    page = written(RunReport("t", "edgekit train detector OUT", "{}"), tmp_path)
    assert page.sources == []
    assert re.findall(r"Worst errors|Confusion|By epoch", page.text) == []


def test_a_plot_shows_a_lone_epoch_and_gaps():
    assert plot_group(EPOCHS[:1], "loss") != plot_group([], "loss")
    missing = [EPOCHS[0], EpochFigures(2, {}), EpochFigures(3, {"mAP50": {"carton": 0.6}})]
    whole = [EPOCHS[0], EpochFigures(2, {"mAP50": {"carton": 0.3}}), EpochFigures(3, {"mAP50": {"carton": 0.6}})]
    assert plot_group(missing, "mAP50") != plot_group(whole, "mAP50")


def test_names_of_any_length_leave_the_curves_their_room():
    epochs = [EpochFigures(number, {"mAP50": {"c" * 200: 0.1 * number}}) for number in (1, 2)]
    longer = [EpochFigures(number, {"mAP50": {"c" * 900: 0.1 * number}}) for number in (1, 2)]
    assert plot_group(epochs, "mAP50") == plot_group(longer, "mAP50")


def test_the_commonest_mistakes_come_first_and_hits_are_none():
    assert CONFUSION.worst(2) == [("nothing", "carton", 3), ("carton", "barcode", 2)]
    assert CONFUSION.worst(99) == [("nothing", "carton", 3), ("carton", "barcode", 2), ("barcode", "nothing", 1)]


@pytest.mark.parametrize("classes", [1, 81])
def test_a_confusion_of_any_number_of_classes_can_be_plotted(classes: int):
    confusion = Confusion(np.eye(classes, dtype=np.int64), tuple(f"class {number}" for number in range(classes)))
    image = cv2.imdecode(np.frombuffer(plot_confusion(confusion), np.uint8), cv2.IMREAD_COLOR)
    assert image is not None


def test_a_confusion_that_does_not_fit_its_names_is_refused():
    with pytest.raises(ValueError, match="does not fit 1 classes"):
        Confusion(np.zeros((2, 2), np.int64), ("carton",))
