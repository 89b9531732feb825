"""A planned clip as files: an H.264 video, and beside it the ground truth as JSON."""

import hashlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
from av.video.stream import VideoStream

from devices.errors import EdgekitError
from edge.demo.truth import ClipTruth
from train.synth.clip import ClipPlan, render_clip

KEYFRAME_S = 4  # a player that jumps finds a whole picture at least this often


def write_clip(
    video: Path, plan: ClipPlan, *, crf: int = 30, force: bool = False, advance: Callable[[], None] = lambda: None
) -> ClipTruth:
    """Render a clip to `video` and its ground truth to the same name with `.json`; both appear complete or not at all.

    Args:
        video: The file to write, ending in `.mp4`.
        plan: What to render.
        crf: x264's constant rate factor: 18 looks like the render, 30 like a camera's own stream, 40 like a bad one.
        force: Replace earlier files.
        advance: Called after each frame.

    Raises:
        EdgekitError: The name does not end in `.mp4`, a file is there already, or the files cannot be written.
    """
    truth_file = video.with_suffix(".json")
    if video.suffix != ".mp4":
        raise EdgekitError(f"{video}: the clip's name has to end in .mp4")
    for path in (video, truth_file):
        if path.exists() and not force:
            raise EdgekitError(f"{path} exists; give another name, or --force to replace it")
    partial, partial_truth = (path.with_name(f".{path.name}.partial") for path in (video, truth_file))
    try:
        _encode(partial, plan, crf, advance)
        truth = _truth(video.name, hashlib.sha256(partial.read_bytes()).hexdigest(), plan)
        partial_truth.write_text(truth.model_dump_json(by_alias=True, indent=1) + "\n", encoding="utf-8")
        partial_truth.replace(truth_file)  # with the clip's digest in it: whoever scores sees which clip it is of
        partial.replace(video)
    except OSError as exc:
        raise EdgekitError(f"cannot write the clip to {video}: {exc.strerror or exc}") from exc
    finally:
        partial.unlink(missing_ok=True)
        partial_truth.unlink(missing_ok=True)
    return truth


def _encode(path: Path, plan: ClipPlan, crf: int, advance: Callable[[], None]) -> None:
    fps = plan.config.fps
    with av.open(str(path), "w", format="mp4") as container:
        stream: VideoStream = container.add_stream("libx264", rate=Fraction(fps))
        stream.width, stream.height = plan.config.width_px, plan.config.height_px
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = KEYFRAME_S * fps
        stream.options = {"crf": str(crf), "preset": "slow"}
        for rendered in render_clip(plan):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rendered.image, format="bgr24")))
            advance()
        container.mux(stream.encode(None))


def _truth(clip: str, sha256: str, plan: ClipPlan) -> ClipTruth:
    return ClipTruth(
        clip=clip,
        sha256=sha256,
        seed=plan.seed,
        width_px=plan.config.width_px,
        height_px=plan.config.height_px,
        fps=plan.config.fps,
        frames=len(plan.belt_cm),
        line_x=plan.config.line_x,
        standing_frames=plan.standing_frames,
        parcels=plan.parcels,
    )
