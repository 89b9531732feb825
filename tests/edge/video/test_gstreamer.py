"""Cameras that GStreamer reads, by real pipelines in processes of their own; a board's own elements are not here."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from pydantic import ValidationError

from devices.errors import EdgekitError
from devices.library import profile, profiles
from edge.demo.show import CLIP
from edge.video.feed import CameraFeed
from edge.video.gstreamer import GstreamerFrames
from edge.video.health import FeedState
from edge.video.newest import NewestFrame
from edge.video.pipelines import launched
from edge.video.section import Camera, CsiSource, GstreamerSource, RtspSource
from edge.video.sources import SourceLostError, is_live

TEST_PICTURE = "videotestsrc is-live=true ! video/x-raw,format=NV12,width=320,height=240,framerate=20/1"


@pytest.fixture(autouse=True)
def _gstreamer(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("gst-launch-1.0") is None:
        pytest.skip("GStreamer's tools are not installed")
    # Its cache of plug-ins would else go into the home folder.
    monkeypatch.setenv("GST_REGISTRY", str(tmp_path_factory.getbasetemp() / "gstreamer-registry"))


def opened(pipeline: str, url: str | None = None) -> GstreamerFrames:
    source = GstreamerSource(kind="gstreamer", pipeline=pipeline, url=url)
    return GstreamerFrames("gate", launched("gate", source), 7)


def children() -> set[int]:
    listed = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(os.getpid())], capture_output=True, check=True)
    return {int(line.split()[0]) for line in listed.stdout.splitlines() if b"gst-launch" in line}


def test_a_pipelines_pictures_come_whole_with_the_colours_that_they_have():
    source = opened("videotestsrc pattern=red num-buffers=3 ! video/x-raw,format=NV12,width=320,height=240")
    coming = source.frames()
    frames = [next(coming) for _ in range(3)]
    with pytest.raises(SourceLostError, match="camera gate: its pipeline ended"):
        next(coming)
    assert [frame.index for frame in frames] == [7, 8, 9]
    assert frames[0].image.shape == (240, 320, 3)
    assert frames[0].image.mean(axis=(0, 1)) == pytest.approx([0, 0, 255], abs=12)
    assert frames[0].luma.mean() == pytest.approx(81, abs=4)  # of red, in video levels
    assert not children()


def test_a_network_camera_decoded_by_gstreamer_shows_what_the_other_decoder_shows(
    network_camera: Callable[[Path], Any],
):
    camera = network_camera(CLIP)
    elements = "rtspsrc location={url} protocols=tcp latency=100 ! rtph264depay ! h264parse ! avdec_h264"
    source = opened(elements, camera.url)
    frame = next(iter(source.frames()))
    source.close()
    with av.open(str(CLIP)) as clip:
        first = next(clip.decode(video=0)).to_ndarray(format="bgr24")
    assert frame.image.shape == (720, 1280, 3)
    assert np.abs(frame.image.astype(int) - first).mean() < 6  # the same scene, if not the same picture


@pytest.mark.parametrize(
    ("pipeline", "told"),
    [
        ("nvarguscamerasrc sensor-id=0", "GStreamer has no element nvarguscamerasrc here: install the plug-in"),
        ("videotestsrc num-buffers=1 ! video/x-raw,width=321,height=241", "321x241: even sides are needed"),
        ("filesrc location=/nowhere ! decodebin", "its pipeline gave no picture: Resource not found"),
        ("rtspsrc location={url} ! decodebin", "its pipeline gave no picture: Could not"),
    ],
)
def test_what_cannot_work_is_one_clear_line(pipeline: str, told: str, free_port: int):
    with pytest.raises(SourceLostError, match="camera gate: ") as lost:
        opened(pipeline, f"rtsp://admin:s3cret@127.0.0.1:{free_port}/x")
    assert told in str(lost.value)
    assert "\n" not in str(lost.value)
    assert "s3cret" not in str(lost.value)
    assert not children()


def test_a_pipeline_that_hangs_is_noticed_ended_and_tried_anew(eventually: Callable[..., None]):
    source = GstreamerSource(kind="gstreamer", pipeline=TEST_PICTURE, read_timeout_s=2.0)
    place = NewestFrame()
    feed = CameraFeed(Camera(name="gate", source=source), place, on_gap=lambda _gap: None, least_delay_s=0.05)
    assert feed.live
    feed.start()
    try:
        eventually(lambda: feed.health.state is FeedState.STREAMING, 30)
        (hung,) = children()
        os.kill(hung, signal.SIGSTOP)
        began_s = time.monotonic()
        eventually(lambda: feed.health.state is not FeedState.STREAMING, 20)
        assert time.monotonic() - began_s >= 1.5
        eventually(lambda: feed.health.state is FeedState.STREAMING, 30)
        assert children()
        assert hung not in children()
    finally:
        assert feed.stop(10)
    eventually(lambda: not children())


def test_every_device_with_a_pipeline_has_elements_for_its_cameras():
    orin = profile("jetson-orin-nano-jetpack6")
    csi = CsiSource(kind="csi", sensor=1, width=1920, height=1080, fps=30)
    assert is_live(Camera(name="gate", source=csi))
    words = launched("gate", csi, orin)
    assert words[:2] == ["nvarguscamerasrc", "sensor-id=1"]
    assert "video/x-raw(memory:NVMM),width=1920,height=1080,framerate=30/1" in words
    evil = RtspSource(kind="rtsp", url="rtsp://camera/x ! filesink location=/etc/x", decode="hardware-h265")
    words = launched("gate", evil, orin)
    assert "location=rtsp://camera/x ! filesink location=/etc/x" in words, "a value became elements"
    assert "nvv4l2decoder" in words
    assert [one.name for one in profiles() if one.pipelines]
    with pytest.raises(EdgekitError, match=r'has no pipeline for csi: .*kind = "gstreamer"'):
        launched("gate", csi, profile("x86-generic"))


def test_a_board_camera_on_another_machine_is_told_by_the_element_that_is_missing():
    words = launched("gate", CsiSource(kind="csi"), profile("jetson-orin-nano-jetpack6"))
    with pytest.raises(SourceLostError, match="no element nvarguscamerasrc"):
        GstreamerFrames("gate", words, 0)


@pytest.mark.parametrize(
    ("pipeline", "told"),
    [
        ("rtspsrc location=rtsp://admin:s3cret@camera/x ! decodebin", "holds a password"),
        ("rtspsrc location={address} ! decodebin", "there is no place 'address' here: {url}"),
        ('videotestsrc pattern="smpte', "No closing quotation"),
    ],
)
def test_a_pipeline_that_cannot_be_launched_is_refused_with_the_configuration(pipeline: str, told: str):
    with pytest.raises(ValidationError, match=told):
        GstreamerSource(kind="gstreamer", pipeline=pipeline)
