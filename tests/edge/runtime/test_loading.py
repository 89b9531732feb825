"""A box measures once how its model runs best on this machine, remembers it, and says what cannot be done."""

import json
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from devices.errors import EdgekitError
from devices.probe import probe
from edge.config import Box, BoxConfig, Bundle, Inference
from edge.model.bundle import open_bundle
from edge.model.choice import Choice
from edge.model.detector import Detector
from edge.model.manifest import Expected, SelfTest
from edge.model.probing import Trial, tried
from edge.mqtt.section import Outbox
from edge.runtime.loading import load_for_box, requests_for, tell_loading
from edge.runtime.service_manager import ServiceManager
from edge.video.section import Camera, FileSource, RtspSource

Make = Callable[..., Any]
ORIN = Path(__file__).parents[2] / "devices/machines/orin-nano"


def config_for(made: Any, folder: Path, cameras: tuple[Camera, ...] = (), **inference: Any) -> BoxConfig:
    clip = Camera(name="gate", source=FileSource(kind="file", path=folder / "clip.mp4"))
    return BoxConfig(
        box=Box(site="hall", name="box-1"),
        bundle=Bundle(path=made.folder, trusted_keys=(made.public,)),
        inference=Inference(**inference),
        outbox=Outbox(path=folder / "outbox.sqlite"),
        camera=cameras or (clip,),
    )


def load(config: BoxConfig) -> Detector:
    return load_for_box(config, open_bundle(config.bundle.path, config.bundle.trusted_keys))


def test_what_was_measured_is_kept_until_something_is_another(make_bundle: Make, tmp_path: Path):
    made = make_bundle()
    config = config_for(made, tmp_path, backend="openvino", requests=1)
    detector = load(config)
    kept = tmp_path / "inference" / "measured.json"
    measured = json.loads(kept.read_text())
    assert "openvino fp32 in f32" in measured["ms"]
    assert all(value > 0 for value in measured["ms"].values())
    assert detector.info.hint == measured["chosen"]["hint"]

    # Another start takes what is written there, without measuring: even if it is not the fastest.
    measured["chosen"] = {"backend": "openvino", "precision": "fp32", "hint": "f32"}
    measured["ms"] = {"as it was": 1.0}
    kept.write_text(json.dumps(measured))
    assert load(config).info.hint == "f32"
    assert json.loads(kept.read_text())["ms"] == {"as it was": 1.0}

    # With other requests it was never measured.
    load(config_for(made, tmp_path, backend="openvino", requests=2))
    assert "openvino fp32 in f32" in json.loads(kept.read_text())["ms"]


def test_a_broken_memory_is_measured_anew(make_bundle: Make, tmp_path: Path):
    kept = tmp_path / "inference" / "measured.json"
    kept.parent.mkdir()
    kept.write_text("{")
    load(config_for(make_bundle(), tmp_path, backend="openvino", requests=1))
    assert json.loads(kept.read_text())["ms"]


def test_where_nothing_passes_its_self_test_each_fault_is_told(make_bundle: Make, tmp_path: Path):
    wrong = SelfTest(picture="self-test.png", expected=(Expected(label="qr", score=0.9, xyxy=(0, 0, 9, 9)),))
    with pytest.raises(
        EdgekitError, match="no way to run the model works on this machine: openvino fp32 in f32: "
    ) as no:
        load(config_for(make_bundle(self_test=wrong), tmp_path, backend="openvino", requests=1))
    assert "fails its self-test" in str(no.value)
    assert not (tmp_path / "inference" / "measured.json").exists()


def test_a_precision_that_is_named_is_taken_without_measuring(make_bundle: Make, tmp_path: Path):
    detector = load(config_for(make_bundle(), tmp_path, precision="fp32"))
    assert (detector.info.backend, detector.info.precision, detector.info.hint) == ("openvino", "fp32", "f32")
    assert not (tmp_path / "inference" / "measured.json").exists()
    with pytest.raises(EdgekitError, match="has no file for backend openvino and precision int8"):
        load(config_for(make_bundle(), tmp_path, backend="openvino", precision="int8"))


def test_compiled_models_are_kept_beside_the_outbox_and_not_for_ever(make_bundle: Make, tmp_path: Path):
    made = make_bundle()
    for requests in range(1, 6):
        load(config_for(made, tmp_path, backend="openvino", precision="fp32", requests=requests))
    kept = list((tmp_path / "inference" / "compiled").iterdir())
    assert len(kept) == 3
    assert all(list(folder.glob("*.blob")) for folder in kept)


def test_a_compiled_model_that_was_damaged_is_compiled_anew(make_bundle: Make, tmp_path: Path):
    config = config_for(make_bundle(), tmp_path, backend="openvino", precision="fp32")
    load(config)
    (blob,) = (tmp_path / "inference" / "compiled").rglob("*.blob")
    blob.chmod(0o600)
    blob.write_bytes(blob.read_bytes()[:100])
    assert len(load(config).detect(np.full((64, 64, 3), 255, np.uint8))) == 1


def test_a_state_folder_that_cannot_be_written_costs_the_memory_alone(make_bundle: Make, tmp_path: Path):
    (tmp_path / "file").write_text("")
    state = tmp_path / "file" / "state"
    detector = load(config_for(make_bundle(), tmp_path, backend="openvino", requests=1, state=state))
    assert len(detector.detect(np.full((64, 64, 3), 255, np.uint8))) == 1


def test_a_trial_that_ends_badly_is_a_fault_and_not_ours(tmp_path: Path):
    trial = Trial(bundle=tmp_path, trusted_keys=(), choice=Choice("openvino", "fp32"), device="cpu", requests=1)
    outcome = tried(trial)
    assert outcome.ms is None
    assert outcome.fault is not None


def test_one_live_camera_gets_all_cores_for_each_picture(make_bundle: Make, tmp_path: Path):
    made = make_bundle()
    live = [
        Camera(name=f"camera-{number}", source=RtspSource(kind="rtsp", url="rtsp://camera.example/"))
        for number in range(2)
    ]
    assert requests_for(config_for(made, tmp_path, (live[0],))) == 1
    assert requests_for(config_for(made, tmp_path, (live[0], live[1]))) >= 2
    assert requests_for(config_for(made, tmp_path)) >= 2
    assert requests_for(config_for(made, tmp_path, (live[0],), mode="throughput")) >= 2
    assert requests_for(config_for(made, tmp_path, mode="latency")) == 1
    assert requests_for(config_for(made, tmp_path, mode="latency", requests=3)) == 3


@pytest.fixture
def told_to_tensorrt(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """Let ONNX Runtime claim a Jetson's providers, compute on the processor, and record what TensorRT would be told."""
    told: list[dict[str, str]] = []
    real = ort.InferenceSession

    class Recording:
        def __init__(self, model: bytes, _options: object, providers: list[str], provider_options: list[Any]) -> None:
            assert [providers[0], len(provider_options)] == ["TensorrtExecutionProvider", len(providers)]
            assert not any(provider_options[1:])
            told.append(provider_options[0])
            self._session, self._providers = real(model, providers=["CPUExecutionProvider"]), providers

        def get_providers(self) -> list[str]:
            return self._providers

        def __getattr__(self, name: str) -> Any:
            return getattr(self._session, name)

    monkeypatch.setattr(ort, "InferenceSession", Recording)
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["TensorrtExecutionProvider", "CUDAExecutionProvider"])
    return told


def test_tensorrt_finds_its_engine_again_and_never_one_of_another_model_or_version(
    make_bundle: Make, tmp_path: Path, told_to_tensorrt: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
):
    orin = probe(ORIN, "aarch64")
    assert orin.jetson is not None
    newer = replace(orin, jetson=replace(orin.jetson, tensorrt="10.99"))
    config = config_for(make_bundle(), tmp_path, device="tensorrt")
    for machine, asked in (
        (orin, config),
        (orin, config),
        (newer, config),
        (orin, config_for(make_bundle(release=2), tmp_path, device="tensorrt")),
    ):
        monkeypatch.setattr("edge.runtime.measured.probe", lambda machine=machine: machine)
        load(asked)
    folders = [told["trt_engine_cache_path"] for told in told_to_tensorrt]
    assert folders[0] == folders[1]
    assert len(set(folders)) == 3
    for told in told_to_tensorrt:
        assert (told["trt_engine_cache_enable"], told["trt_timing_cache_enable"]) == ("True", "True")
        assert told["trt_timing_cache_path"] == told["trt_engine_cache_path"]
        assert Path(told["trt_engine_cache_path"]).parent == tmp_path / "inference/compiled"
        assert Path(told["trt_engine_cache_path"]).is_dir()


def test_for_an_engine_that_may_have_to_be_built_the_service_manager_is_asked_for_time(
    make_bundle: Make, tmp_path: Path
):
    made = make_bundle()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        for device in ("cpu", "tensorrt"):
            told = ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "notify")})
            tell_loading(config_for(made, tmp_path, device=device), told)
        assert manager.recv(999) == b"STATUS=loading the model for device cpu"
        assert manager.recv(999) == b"EXTEND_TIMEOUT_USEC=900000000\nSTATUS=loading the model for device tensorrt"
