"""What is kept of events that a box was not sure of: chosen, sealed, bounded, and never in anybody's way."""

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from devices.errors import EdgekitError
from edge.hard_cases.case import HardCase, unseal
from edge.hard_cases.judging import Reason, reasons_of
from edge.hard_cases.keeper import CaseCrop, jpeg_of
from edge.hard_cases.section import HardCases
from edge.sealing import create_sealing_key, load_opener
from edge.tags.catalogue import Catalogue, Product
from edge.tags.events import EventKind, Tag, TagSource

Make = Callable[..., Any]
CODE = Tag("code", "4006381333931", 1.0, TagSource.BARCODE, "EAN13")
PENS = Catalogue({("code", "4006381333931"): Product("pens", {}), ("code", "1"): Product("ink", {})})


def kept(keeper: Any, events: Sequence[Any]) -> None:
    keeper.start()
    keeper.offer(events, Catalogue())
    keeper.stop(20)


def opened(folder: Path, key: Path) -> list[HardCase]:
    return [unseal(path.read_bytes(), load_opener(key)) for path in sorted(folder.glob("*.case"))]


def test_each_doubt_is_a_reason_and_a_sure_event_is_none(event: Make, keys: Any):
    settings = HardCases(folder=Path("x"), recipient=keys.public)
    read = EventKind.READ

    def reasons(told: Any) -> tuple[Reason, ...]:
        return reasons_of(told, PENS, settings)

    assert reasons(event(CODE, kind=read)) == ()
    assert reasons(event()) == (Reason.NO_READ,)
    assert reasons(event(CODE, kind=read, margin=0.05)) == (Reason.LOW_MARGIN,)
    assert reasons(event(CODE, kind=read, score=0.36)) == (Reason.LOW_SCORE,)
    pens, ink = (Tag("product", name, 0.9, TagSource.CLASSIFIER) for name in ("pens", "ink"))
    assert reasons(event(CODE, pens, kind=read)) == ()
    assert reasons(event(CODE, ink, kind=read)) == (Reason.DISAGREEMENT,)
    assert reasons(event(ink, kind=read)) == ()  # nothing to disagree with


def test_only_the_workstation_can_open_what_a_box_keeps(make_keeper: Make, event: Make, keys: Any, tmp_path: Path):
    keeper = make_keeper()
    kept(keeper, [event()])
    (path,) = (tmp_path / "cases").glob("*.case")
    content = path.read_bytes()
    assert b"JFIF" not in content
    assert b"carton" not in content
    (case,) = opened(tmp_path / "cases", keys.private)
    assert (case.record.camera, case.record.reasons, case.record.classes[0]) == ("belt", (Reason.NO_READ,), "carton")
    image = cv2.imdecode(np.frombuffer(case.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    left, top, right, bottom = (round(edge) for edge in case.record.regions[0].xyxy)
    assert (image.shape, (right - left, bottom - top)) == ((105, 131, 3), (100, 80))
    assert image[top + 5 : bottom - 5, left + 5 : right - 5].min() > 200  # the parcel, where the record says
    assert image[:5].max() < 60
    other, public = tmp_path / "other.key", tmp_path / "other.pub"
    create_sealing_key(other, public)
    with pytest.raises(EdgekitError, match="for another key"):
        unseal(content, load_opener(other))


def test_the_oldest_go_where_there_are_too_many_and_those_of_an_earlier_run_count(
    make_keeper: Make, event: Make, tmp_path: Path
):
    first = make_keeper(max_cases=3)
    kept(first, [event() for _ in range(2)])
    early = {path.name for path in (tmp_path / "cases").iterdir()}
    second = make_keeper(max_cases=3)
    kept(second, [event() for _ in range(2)])
    assert (second.files, second.missed["bound"]) == (3, 1)
    there = {path.name for path in (tmp_path / "cases").iterdir()}
    assert len(there) == 3
    assert len(there & early) == 1
    small = make_keeper(max_mib=0.001)
    assert small.size_bytes <= 1049
    assert sum(path.stat().st_size for path in (tmp_path / "cases").iterdir()) == small.size_bytes


def test_a_disk_that_refuses_costs_a_count_and_nobody_a_moment(make_keeper: Make, event: Make, tmp_path: Path):
    keeper = make_keeper()
    shutil.rmtree(tmp_path / "cases")
    (tmp_path / "cases").write_text("a file where the folder was: every write fails")
    kept(keeper, [event(), event()])
    assert keeper.missed["disk"] == 2
    assert sum(keeper.kept.values()) == 0


def test_who_is_slow_is_passed_over_and_a_bad_minute_is_kept_once(make_keeper: Make, event: Make):
    stuck = make_keeper(most_a_minute=1000)  # never started: nobody takes from its queue
    began_s = time.monotonic()
    stuck.offer([event() for _ in range(100)], Catalogue())
    assert time.monotonic() - began_s < 5
    assert stuck.missed["busy"] == 84
    paced = make_keeper(most_a_minute=5)
    kept(paced, [event() for _ in range(9)])
    assert (paced.kept["no_read"], paced.missed["pace"]) == (5, 4)


def test_a_key_of_another_kind_is_refused_before_anything_runs(make_keeper: Make, keys: Any):
    keys.public.write_text("no key")
    with pytest.raises(EdgekitError, match="no public key"):
        make_keeper()


def test_a_crop_of_a_single_row_is_a_picture():
    crop = CaseCrop(np.zeros((1, 9_000, 3), np.uint8), 0, 0)
    assert crop.scale < 1
    assert jpeg_of(crop).startswith(b"\xff\xd8")
