"""A running box exchanges its model without a gap, or not at all; broker, engines and network camera are real."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge.config import Box, BoxConfig, Bundle, Inference, Swap
from edge.demo.show import BUNDLE, CLIP, TRUSTED_KEY
from edge.model.assemble import sign
from edge.model.bundle import build_bundle, open_bundle
from edge.model.manifest import Thresholds
from edge.model.signature import create_key, load_private
from edge.mqtt.client import ask
from edge.mqtt.command_messages import CommandMessage, CommandName, ReplyMessage
from edge.mqtt.section import Commands, Mqtt, Outbox
from edge.mqtt.topics import Topics
from edge.runtime.box import run_box
from edge.runtime.lane import Inferred
from edge.tags.interpreter import CameraInterpreter
from edge.video.section import Camera
from edge.zones import Line, Shelf

Make = Callable[..., Any]
ROOT = "edgekit/v1/hall/box-1"
ZONE = Shelf(name="rack", rectangle=(0.1, 0.1, 0.9, 0.9), expected=("carton",), debounce_s=0.3)
MOST_GAP_S = 1.0


@dataclass(frozen=True, slots=True)
class Step:
    """A frame as it left the tags half."""

    at_s: float
    index: int
    digest: str | None


class LiveBox:
    """A box that runs in a thread, what its frames went through, and what it told."""

    def __init__(self, config: BoxConfig, subscriber: Any, eventually: Make) -> None:
        self.steps: list[Step] = []
        self.usual_gap_s = 0.0  # the longest before any exchange: a machine that does much else has gaps of its own
        self._config = config
        self._subscriber = subscriber
        self._eventually = eventually
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ids = itertools.count()

    def _run(self) -> None:
        try:
            run_box(self._config, self._stop, self._observe)
        except BaseException as exc:
            self._failure = exc
            raise

    def _observe(self, inferred: Inferred, _half: CameraInterpreter) -> None:
        self.steps.append(Step(time.monotonic(), inferred.frame.index, inferred.model_digest))

    def start(self) -> None:
        self._thread.start()
        self.wait_for_frames(30)
        self.usual_gap_s = self.longest_gap_s()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(30)

    def wait_for_frames(self, more: int) -> None:
        begin = len(self.steps)
        self._eventually(lambda: len(self.steps) >= begin + more or self._failure, 60)
        assert self._failure is None

    def reload(self, name: str | None, command_id: str | None = None) -> ReplyMessage:
        command = CommandMessage(id=command_id or f"c{next(self._ids)}", client="ops", bundle=name)
        return ask(self._config.mqtt, Topics("hall", "box-1"), CommandName.RELOAD_BUNDLE, command, 20)

    def swaps(self, command_id: str) -> list[dict[str, Any]]:
        """Return the steps of an exchange as the box's status told them, each once."""
        told = [message.json()["swap"] for message in self._subscriber.on(f"{ROOT}/status")]
        mine = [swap for swap in told if swap is not None and swap["command_id"] == command_id]
        return [swap for index, swap in enumerate(mine) if swap not in mine[:index]]

    def outcome(self, reply: ReplyMessage) -> dict[str, Any]:
        """Wait for the end of an exchange and return it."""
        assert reply.ok, reply.error
        ends = ("done", "refused", "rolled_back")
        self._eventually(lambda: [swap for swap in self.swaps(str(reply.id)) if swap["state"] in ends], 60)
        return self.swaps(str(reply.id))[-1]

    def status(self) -> dict[str, Any]:
        return self._subscriber.on(f"{ROOT}/status")[-1].json()

    def longest_gap_s(self, begin: int = 0) -> float:
        times = [step.at_s for step in self.steps[begin:]]
        return max(later - earlier for earlier, later in itertools.pairwise(times))


@pytest.fixture
def run_live(mosquitto: Any, subscribe: Make, eventually: Make, tmp_path: Path) -> Iterator[Make]:
    """Start boxes that watch the demonstration's clip in life's speed; all are ended at the end."""
    with ExitStack() as running:

        def start(
            bundle: Path,
            keys: tuple[Path, ...],
            *,
            source: dict[str, Any] | None = None,
            zones: dict[str, Any] | None = None,
            **swap: Any,
        ) -> LiveBox:
            # A look of the brightness model takes microseconds: on a busy machine its times tell nothing below tenfold.
            bounds: dict[str, Any] = {"shadow_frames": 10, "probation_s": 0.5, "most_slower": 20, **swap}
            camera = {"name": "gate", "source": source or {"kind": "file", "path": CLIP, "realtime": True}}
            config = BoxConfig(
                box=Box(site="hall", name="box-1"),
                bundle=Bundle(path=bundle, trusted_keys=keys),
                swap=Swap(folder=tmp_path, **bounds),
                inference=Inference(backend="onnxruntime"),
                mqtt=Mqtt(port=mosquitto.port),
                outbox=Outbox(path=tmp_path / "outbox.sqlite"),
                commands=Commands(clients=("ops",), audit_log=tmp_path / "audit.jsonl"),
                camera=(Camera.model_validate({**camera, **(zones or {"shelf": (ZONE,)})}),),
            )
            box = LiveBox(config, subscribe(mosquitto.port), eventually)
            running.callback(box.stop)
            box.start()
            return box

        yield start


def burdened(path: Path, *, above: float, fails: bool) -> None:
    """Give the brightness model useless work on pictures that are brighter than something; or let it fail on them."""
    model = onnx.load(str(path))
    graph = model.graph
    side = 900
    constants: dict[str, Any] = {
        "above": np.float32(above),
        "most": np.float32(1),
        "more": np.float32(side - 1),
        "pair": np.array([2], np.int64),
        "narrow": np.ones((1, 1), np.float32),
        "nothing": np.zeros(1, np.float32),
    }
    graph.initializer.extend(numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items())
    one = numpy_helper.from_array(np.ones(1, np.float32))
    other = "narrow" if fails else "weights"  # a factor that does not fit as soon as the other one has grown
    nodes = [
        helper.make_node("Div", ["peak", "above"], ["share"]),
        helper.make_node("Floor", ["share"], ["steps"]),
        helper.make_node("Min", ["steps", "most"], ["step"]),
        helper.make_node("Mul", ["step", "more"], ["grown"]),
        helper.make_node("Add", ["grown", "most"], ["side"]),
        helper.make_node("Cast", ["side"], ["size"], to=TensorProto.INT64),
        helper.make_node("Expand", ["size", "pair"], ["square"]),
        helper.make_node("ConstantOfShape", ["square"], ["weights"], value=one),
        helper.make_node("MatMul", ["weights", other], ["work0"]),
        *(helper.make_node("MatMul", [f"work{n}", other], [f"work{n + 1}"]) for n in range(5)),
        helper.make_node("ReduceMax", ["work5"], ["sum"], keepdims=0),
        helper.make_node("Mul", ["sum", "nothing"], ["none"]),
        helper.make_node("Add", ["shape", "none"], ["loaded"]),
    ]
    final = graph.node[-1]
    final.input[:] = ["loaded" if name == "shape" else name for name in final.input]
    kept = list(graph.node)
    del graph.node[:]
    graph.node.extend([*kept[:-1], *nodes, final])
    onnx.save(model, str(path))


def with_model(made: Any, out: Path, key: Path, change: Callable[[Path], None]) -> Path:
    """Build a bundle anew around a changed model, signed by a key."""
    opened = open_bundle(made.folder, [made.public])
    changed = out.with_suffix(".onnx")
    changed.write_bytes(opened.read("detector.onnx"))
    change(changed)
    members = {entry.path: opened.read(entry.path) for entry in opened.manifest.files}
    build_bundle(out, opened.manifest, {**members, "detector.onnx": changed.read_bytes()}, load_private(key))
    return out


def test_a_model_is_exchanged_under_load_without_a_gap_and_every_event_names_the_one_that_saw_its_frame(
    network_camera: Make, run_live: Make, mosquitto: Any, subscribe: Make, eventually: Make, tmp_path: Path
):
    private, public = tmp_path / "key.pem", tmp_path / "key.pub"
    create_key(private, public)
    opened = open_bundle(BUNDLE, [TRUSTED_KEY])
    members = {entry.path: opened.read(entry.path) for entry in opened.manifest.files}
    renamed = opened.manifest.model_copy(update={"version": "2", "release": 2})
    new = build_bundle(tmp_path / "second", renamed, members, load_private(private))
    camera = network_camera(CLIP)
    events = subscribe(mosquitto.port, f"{ROOT}/cameras/gate/events")
    gate = Line(name="line", start=(0.55, 1.0), end=(0.55, 0.0))
    source = {"kind": "rtsp", "url": camera.url}

    def told() -> list[dict[str, Any]]:
        return [event.json() for event in events.received if event.json()["frame"] is not None]

    box = run_live(BUNDLE, (TRUSTED_KEY, public), source=source, zones={"line": (gate,)})
    eventually(told, 60)
    end = box.outcome(box.reload("second"))
    eventually(lambda: told()[-1]["model_digest"] == new.digest, 60)
    box.stop()
    assert (end["state"], end["model_digest"]) == ("done", new.digest)
    assert "100% of what the old one found" in end["detail"]
    assert box.status()["model_digest"] == new.digest
    digests = [step.digest for step in box.steps]
    (first,) = (index for index in range(1, len(digests)) if digests[index] != digests[index - 1])  # one exchange
    assert set(digests[:first]) == {opened.digest}
    assert set(digests[first:]) == {new.digest}
    assert box.longest_gap_s() < MOST_GAP_S + 2 * box.usual_gap_s
    by_frame = {step.index: step.digest for step in box.steps}
    assert {event["model_digest"] for event in told()} == {opened.digest, new.digest}
    assert all(event["model_digest"] == by_frame[event["frame"]["index"]] for event in told())


def test_what_cannot_be_trusted_proved_or_used_is_refused_and_the_old_model_goes_on(
    make_bundle: Make, run_live: Make, tmp_path: Path
):
    older = make_bundle()
    good = make_bundle(release=2)
    strange, theirs = tmp_path / "strange.pem", tmp_path / "strange.pub"
    create_key(strange, theirs)
    sign(good.folder, load_private(strange), [good.public], tmp_path / "foreign")
    no_head = make_bundle(head_rows=9, release=2)
    dark = with_model(good, tmp_path / "dark", good.private, _dark)
    other = make_bundle(release=2).folder  # no carton among its classes
    content = open_bundle(other, [good.public]).manifest
    expected = content.self_test.expected[0].model_copy(update={"label": "box"})
    named = content.model_copy(
        update={
            "classes": ("box", "barcode", "qr"),
            "self_test": content.self_test.model_copy(update={"expected": (expected,)}),
        }
    )
    members = {path: (other / path).read_bytes() for path in ("detector.onnx", "self-test.png")}
    build_bundle(tmp_path / "boxes", named, members, load_private(good.private))
    box = run_live(good.folder, (good.public,))
    for name, why in (
        ("foreign", "is not signed by key.pub"),
        (no_head.folder.name, "no yolo-grid head of 3 classes"),
        (dark.name, "fails its self-test"),
        ("boxes", "shelf rack of camera gate names carton, which the model does not know"),
        (good.folder.name, "in use already"),
        (older.folder.name, "it is release 1 of brightness, and release 2 is in use"),
    ):
        end = box.outcome(box.reload(name))
        assert (end["state"], why in end["detail"]) == ("refused", True), end
    assert not box.reload("nowhere").ok
    box.wait_for_frames(10)
    assert len({step.digest for step in box.steps}) == 1
    assert box.status()["model_digest"] == box.steps[0].digest
    assert box.longest_gap_s() < MOST_GAP_S + 2 * box.usual_gap_s


def _dark(path: Path) -> None:
    model = onnx.load(str(path))
    (mask,) = (tensor for tensor in model.graph.initializer if tensor.name == "mask")
    mask.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(mask) * np.float32(0.1), "mask"))
    onnx.save(model, str(path))


def test_a_model_that_is_slower_than_it_may_be_never_comes_into_use(make_bundle: Make, run_live: Make, tmp_path: Path):
    good = make_bundle()
    with_model(good, tmp_path / "heavy", good.private, partial(burdened, above=1, fails=False))
    box = run_live(good.folder, (good.public,), shadow_frames=5)
    end = box.outcome(box.reload("heavy"))
    assert (end["state"], "it may take 20 times as long at most" in end["detail"]) == ("refused", True), end
    assert len({step.digest for step in box.steps}) == 1
    assert box.longest_gap_s() < MOST_GAP_S + 2 * box.usual_gap_s


def test_the_configured_bundle_is_read_anew_and_a_repeated_id_exchanges_nothing(
    make_bundle: Make, run_live: Make, tmp_path: Path
):
    first, second = make_bundle(), make_bundle(thresholds=Thresholds(score=0.4, nms_iou=0.6))
    current = tmp_path / "current"
    current.symlink_to(first.folder)
    box = run_live(current, (first.public,))
    link = tmp_path / "next"
    link.symlink_to(second.folder)
    link.replace(current)
    reply = box.reload(None, "once")
    end = box.outcome(reply)
    assert end["state"] == "done"
    assert [swap["state"] for swap in box.swaps("once")][-2:] == ["probation", "done"]
    again = box.reload(None, "once")
    assert (again.ok, again.repeated, again.result) == (True, True, reply.result)
    box.wait_for_frames(10)
    assert box.swaps("once")[-1] == end
    digests = [step.digest for step in box.steps]
    assert digests == sorted(digests, key=digests.index)  # one exchange, no way back
    assert digests[-1] == open_bundle(second.folder, [first.public]).digest


@pytest.fixture
def dawn(tmp_path: Path) -> Path:
    """Make a clip that is dim for six seconds, then bright."""
    clip = tmp_path / "dawn.mp4"
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"mp4v"), 30, (128, 96))
    for index in range(12 * 30):
        writer.write(np.full((96, 128, 3), 180 if index < 6 * 30 else 254, np.uint8))
    writer.release()
    return clip


@pytest.mark.parametrize(
    ("fails", "why"), [(True, "it failed on a picture"), (False, "times as long as the one before it, 20 is allowed")]
)
def test_a_model_that_fails_or_slows_down_in_use_is_rolled_back_and_no_frame_is_lost(
    make_bundle: Make, run_live: Make, tmp_path: Path, dawn: Path, *, fails: bool, why: str
):
    good = make_bundle()
    with_model(good, tmp_path / "moody", good.private, partial(burdened, above=240, fails=fails))
    source = {"kind": "file", "path": dawn, "realtime": True}
    box = run_live(good.folder, (good.public,), source=source, shadow_frames=5, probation_s=60)
    end = box.outcome(box.reload("moody"))
    assert (end["state"], why in end["detail"]) == ("rolled_back", True), end
    box.wait_for_frames(10)
    old = open_bundle(good.folder, [good.public]).digest
    assert box.status()["model_digest"] == old
    assert [step.index for step in box.steps] == list(range(len(box.steps)))
    assert {step.digest for step in box.steps} == {old, end["model_digest"]}
    assert box.steps[-1].digest == old
    assert box.longest_gap_s() < MOST_GAP_S + 2 * box.usual_gap_s
