"""What is held against a release and what is not, over every way in which a box may have done before."""

import time
from pathlib import Path
from typing import Any

import pytest

from edge.deploy.judgement import Watch, stands_still, worse
from edge.runtime.vital_signs import CameraSigns, VitalSigns

NEW = Path("/opt/edgekit/releases/new")


def camera(state: str = "streaming", fps: float | None = 25.0, frames: int = 100, **changes: Any) -> CameraSigns:
    told: dict[str, Any] = {"reason": None, "on_trigger": False, **changes}
    return CameraSigns(streaming=state == "streaming", state=state, fps=fps, frames=frames, **told)


def signs(
    *, run: str = "1", at_s: float = 0.0, connected: bool = True, software: Path = NEW, **cameras: CameraSigns
) -> VitalSigns:
    return VitalSigns(run_id=run, software=software, told_s=at_s, connected=connected, cameras=cameras)


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (camera(), camera(), ()),
        (
            camera(),
            camera("reconnecting", None, reason="refused"),
            ("streamed before and is reconnecting now (refused)",),
        ),
        (camera(), camera("stalled"), ("streamed before and is stalled now",)),
        (camera(), camera("starting", None), ("streamed before and is starting now",)),
        (camera(), camera(fps=12.6), ()),
        (camera(), camera(fps=12.4), ("gives 12.4 pictures a second and gave 25.0 before",)),
        (camera(fps=None), camera(fps=1.0), ()),
        (camera("reconnecting", None), camera("reconnecting", None), ()),
        (camera("stalled"), camera("failed"), ()),
        (camera("paused"), camera("reconnecting"), ()),
        (camera("reconnecting"), camera(), ()),
    ],
)
def test_a_camera_is_held_against_a_release_only_if_it_did_well_before(
    before: CameraSigns, now: CameraSigns, told: tuple[str, ...]
) -> None:
    found = list(worse(signs(belt=before), signs(belt=now)))
    assert found == [f"camera belt {each}" for each in told]


def test_a_camera_that_is_configured_no_more_and_one_that_is_new_are_no_loss() -> None:
    assert not list(worse(signs(belt=camera()), signs(door=camera("reconnecting"))))


@pytest.mark.parametrize(("before", "now", "faults"), [(True, True, 0), (True, False, 1), (False, False, 0)])
def test_the_broker_is_held_against_a_release_only_if_it_was_there_before(
    *, before: bool, now: bool, faults: int
) -> None:
    assert len(list(worse(signs(connected=before), signs(connected=now)))) == faults


def test_where_nothing_is_known_of_before_nothing_is_compared() -> None:
    assert not list(worse(None, signs(connected=False, belt=camera("stalled"))))


@pytest.mark.parametrize(
    ("first", "last", "faults"),
    [
        (camera(frames=7), camera(frames=8), 0),
        (camera(frames=7), camera(frames=7), 1),
        (camera("reconnecting", frames=0), camera("reconnecting", frames=0), 0),
        (camera("reconnecting", frames=0), camera(frames=0), 0),
        (camera(frames=0, on_trigger=True), camera(frames=0, on_trigger=True), 0),
    ],
)
def test_pictures_that_come_and_do_not_get_through_are_a_fault(
    first: CameraSigns, last: CameraSigns, faults: int
) -> None:
    assert len(list(stands_still(signs(belt=first), signs(belt=last)))) == faults


def test_only_one_run_of_the_right_release_that_is_well_on_end_is_steady() -> None:
    watch = Watch(NEW, signs(run="0", belt=camera()))
    assert (watch.runs, watch.steady_s) == (False, 0.0)
    assert "does not run" in watch.faults[0]
    watch.look(signs(software=Path("/opt/edgekit/releases/old"), belt=camera()))
    assert not watch.runs
    assert "was not restarted" in watch.faults[0]
    for second in range(5):
        watch.look(signs(at_s=second, belt=camera(frames=second)))
    assert (watch.faults, watch.steady_s) == ((), 4.0)
    watch.look(signs(at_s=5, belt=camera("stalled", frames=5)))
    assert watch.steady_s == 0.0
    watch.look(signs(at_s=6, belt=camera(frames=6)))
    watch.look(signs(at_s=8, belt=camera(frames=8)))
    assert watch.steady_s == 2.0
    watch.look(signs(at_s=9, run="2", belt=camera(frames=1)))
    watch.look(signs(at_s=10, run="2", belt=camera(frames=2)))
    assert watch.steady_s == 1.0, "it was started anew in between"
    watch.look(None)
    assert (watch.runs, watch.steady_s) == (False, 0.0)


def test_a_run_whose_pictures_stand_still_is_not_steady() -> None:
    watch = Watch(NEW, None)
    for second in range(20):
        watch.look(signs(at_s=second, belt=camera(frames=3)))
    assert watch.steady_s == 0.0
    assert "no picture of it gets through" in watch.faults[0]


def test_signs_of_a_later_version_are_read_and_old_ones_are_stale() -> None:
    told = signs(at_s=time.monotonic(), belt=camera()).model_dump(mode="json", by_alias=True)
    later = VitalSigns.model_validate(
        {**told, "mood": "good", "cameras": {"belt": {**told["cameras"]["belt"], "x": 1}}}
    )
    assert later.fresh
    assert not signs(at_s=time.monotonic() - 60).fresh
