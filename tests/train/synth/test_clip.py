"""A clip keeps its own rules, says the truth about itself, and comes out the same from the same seed."""

import hashlib
from pathlib import Path

import av
import numpy as np
import pytest

from devices.errors import EdgekitError
from edge.demo.truth import ClipTruth, UnreadableReason, load
from train.synth.clip import ClipPlan, plan_clip, render_clip
from train.synth.recording import write_clip
from train.synth.settings import ClipConfig

SMALL = ClipConfig(parcels=8, stops=1, roll_backs=1)


@pytest.fixture(scope="module")
def plan() -> ClipPlan:
    return plan_clip(SMALL, 5)


def test_readable_means_two_pixels_a_module_in_full_view_for_three_frames_before_any_reader_ran(plan: ClipPlan):
    for parcel in plan.parcels:
        if parcel.readable:
            assert parcel.least_module_px is not None
            assert parcel.least_module_px >= 2
            assert parcel.clear_frames >= 3
            assert parcel.text == parcel.printed_text


def test_a_fifth_or_more_cannot_be_read_and_the_reason_is_known(plan: ClipPlan):
    unreadable = [parcel for parcel in plan.parcels if not parcel.readable]
    assert len(unreadable) * 5 >= len(plan.parcels)
    assert all(parcel.text is None and parcel.unreadable_reason is not None for parcel in unreadable)
    too_small = [parcel for parcel in unreadable if parcel.unreadable_reason is UnreadableReason.TOO_SMALL]
    assert all((parcel.greatest_module_px or 0) < 2 for parcel in too_small)


def test_every_parcel_ends_beyond_the_line_and_one_rolls_back_over_it(plan: ClipPlan):
    crossings = [len(parcel.crossing_frames) for parcel in plan.parcels]
    assert all(count % 2 == 1 for count in crossings)
    assert max(crossings) >= 3


def test_the_belt_stops_and_rolls_back_in_the_clip(plan: ClipPlan):
    steps = np.diff(plan.belt_cm)
    assert (steps < -0.01).any()
    assert (np.abs(steps) < 1e-9).sum() >= plan.config.fps // 3


def test_no_two_parcels_say_the_same(plan: ClipPlan):
    texts = [parcel.printed_text for parcel in plan.parcels if parcel.printed_text]
    assert len(set(texts)) == len(texts)


def test_the_same_seed_plans_and_renders_the_same_and_another_does_not(plan: ClipPlan):
    again, other = plan_clip(SMALL, 5), plan_clip(SMALL, 6)
    assert again.parcels == plan.parcels
    assert other.parcels != plan.parcels
    first, second = (next(render_clip(one)) for one in (plan, again))
    assert (first.image == second.image).all()
    assert first.boxes == second.boxes


def test_a_carton_is_labelled_where_it_is_drawn(plan: ClipPlan):
    frame = next(render_clip(plan))
    assert frame.boxes
    for box in frame.boxes:
        left, top, right, bottom = box.xyxy
        assert 0 <= left < right <= plan.config.width_px
        assert 0 <= top < bottom <= plan.config.height_px


def test_video_and_truth_are_written_together_and_fit_each_other(tmp_path: Path):
    plan = plan_clip(ClipConfig(parcels=4, stops=0, roll_backs=0, width_px=960, height_px=540, least_module_px=2), 1)
    written = write_clip(tmp_path / "belt.mp4", plan, crf=40)
    truth = load(tmp_path / "belt.json")
    assert truth == written
    assert truth.sha256 == hashlib.sha256((tmp_path / "belt.mp4").read_bytes()).hexdigest()
    with av.open(str(tmp_path / "belt.mp4")) as container:
        assert container.streams.video[0].frames == truth.frames
    assert {path.name for path in tmp_path.iterdir()} == {"belt.mp4", "belt.json"}
    with pytest.raises(EdgekitError, match="exists"):
        write_clip(tmp_path / "belt.mp4", plan)


def test_a_clip_of_another_name_is_refused(plan: ClipPlan, tmp_path: Path):
    with pytest.raises(EdgekitError, match=r"end in \.mp4"):
        write_clip(tmp_path / "belt.avi", plan)


def test_a_truth_that_contradicts_itself_is_refused(plan: ClipPlan, tmp_path: Path):
    truth = ClipTruth(
        clip="a.mp4",
        sha256="0" * 64,
        seed=1,
        width_px=1280,
        height_px=720,
        fps=30,
        frames=10_000,
        line_x=0.5,
        parcels=plan.parcels,
    )
    path = tmp_path / "a.json"
    path.write_text(truth.model_dump_json(by_alias=True).replace('"readable":true', '"readable":false'))
    with pytest.raises(EdgekitError, match="a readable parcel has a text"):
        load(path)
