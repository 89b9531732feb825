"""The doctor at boxes that are well and boxes that are not: each finding says what, why and how to mend it."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from devices.library import profile
from devices.probe import probe
from edge.config import load_config
from edge.deploy.store import ReleaseStore
from edge.doctor.broker import check_broker
from edge.doctor.finding import Finding, Level
from edge.doctor.machine import check_clock, check_profile, check_storage, check_system
from edge.doctor.providers import claimed, try_device
from edge.doctor.releases import check_releases
from edge.doctor.service import check_unit
from edge.doctor.site import check_cameras, check_folders, check_model
from edge.model.bundle import open_bundle
from edge.model.manifest import Expected, SelfTest
from edge.mqtt.broker import EmbeddedBroker

CLIP = Path(__file__).parents[3] / "edge/demo/conveyor.mp4"
MACHINES = Path(__file__).parents[2] / "devices/machines"


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as running:
        yield running


@pytest.fixture
def write_box(make_bundle: Callable[..., Any], tmp_path: Path) -> Callable[..., Path]:
    """Write a box.toml of a healthy box, and what it names."""

    def write(port: int, *, clip: Path = CLIP, outbox: str = "outbox.db", **manifest_changes: Any) -> Path:
        bundle = make_bundle(**manifest_changes)
        path = tmp_path / "box.toml"
        path.write_text(
            f"""
[box]
site = "s"
name = "b"
[bundle]
path = "{bundle.folder}"
trusted_keys = ["{bundle.public}"]
[mqtt]
port = {port}
[outbox]
path = "{outbox}"
[[camera]]
name = "belt"
source = {{ kind = "file", path = "{clip}" }}
""",
            encoding="utf-8",
        )
        return path

    return write


def by_check(findings: Iterator[Finding]) -> dict[str, Finding]:
    found = {finding.check: finding for finding in findings}
    for finding in found.values():
        assert finding.what
        assert finding.level is Level.OK or (finding.why and finding.mend), finding
    return found


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edge", "doctor", *options], capture_output=True, text=True, timeout=100, check=False
    )


def test_a_healthy_box_is_told_as_such(write_box: Callable[..., Path], broker: EmbeddedBroker) -> None:
    done = run("--config", str(write_box(broker.port)), "--json")
    findings = {finding["check"]: finding for finding in json.loads(done.stdout)}
    assert done.returncode == 0, done.stdout
    for check in ("configuration", "outbox", "bundle", "onnxruntime fp32", "broker", "camera belt"):
        assert findings[check]["level"] == "ok", findings[check]


def test_everything_that_is_wrong_is_told_at_once_and_the_exit_code_says_so(
    write_box: Callable[..., Path], tmp_path: Path
) -> None:
    config = write_box(1, clip=tmp_path / "none.mp4", outbox="nowhere/outbox.db")
    (load_config(config).bundle.path / "detector.onnx").write_bytes(b"changed")
    done = run("--config", str(config))
    assert done.returncode == 1
    assert "4 of" in done.stderr
    for line in ("failure  outbox", "failure  bundle", "failure  broker", "failure  camera belt"):
        assert line in done.stdout, done.stdout
    assert done.stdout.count("mend: ") >= 4


def test_a_configuration_that_cannot_be_read_is_one_failure(tmp_path: Path) -> None:
    (tmp_path / "box.toml").write_text("[box]\n")
    done = run("--config", str(tmp_path / "box.toml"))
    assert done.returncode == 1
    assert "failure  configuration" in done.stdout


def test_an_unknown_profile_is_one_line() -> None:
    done = run("--profile", "commodore-64")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)


def test_a_model_that_fails_its_self_test_here_is_told_and_the_bundle_is_still_well(
    write_box: Callable[..., Path],
) -> None:
    expected = Expected(label="carton", score=0.9, xyxy=(0, 0, 8, 8))  # not where this model finds anything
    test = SelfTest(picture="self-test.png", expected=(expected,))
    found = by_check(check_model(load_config(write_box(1, self_test=test))))
    assert found["bundle"].level is Level.OK
    assert found["onnxruntime fp32"].level is Level.WARNING
    assert found["inference"].level is Level.FAILURE, "no file of it can be used"
    assert "fails its self-test" in found["onnxruntime fp32"].what


@pytest.mark.parametrize(
    ("more", "check", "told"),
    [
        ('[inference]\ndevice = "cuda"', "inference", "this ONNX Runtime has no CUDAExecutionProvider"),
        ('[inference]\nprecision = "int8"', "inference", "it holds onnx fp32, openvino fp32"),
        ('[routing]\ncatalogue = "none.csv"', "routing", "cannot read the catalogue"),
        ('[classifier]\npath = "none"', "zones and classifier", "none"),
        ('[hard_cases]\nfolder = "cases"\nrecipient = "none.pub"', "hard cases", "none.pub"),
        ('[codes]\nformats = ["Runes"]', "zones and classifier", "Runes"),
    ],
)
def test_what_would_keep_the_box_from_starting_is_told_before_it_is_started(
    write_box: Callable[..., Path], more: str, check: str, told: str
) -> None:
    box = write_box(1)
    well = by_check(check_model(load_config(box)))
    assert [well[name].level for name in ("inference", "zones and classifier")] == [Level.OK, Level.OK]
    box.write_text(f"{box.read_text()}\n{more}\n")
    found = by_check(check_model(load_config(box)))
    assert found[check].level is Level.FAILURE
    assert told in found[check].what


def test_a_camera_that_ends_without_a_picture_fails(write_box: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").write_bytes(CLIP.read_bytes()[:1000])
    found = by_check(check_cameras(load_config(write_box(1, clip=tmp_path / "empty.mp4"))))
    assert found["camera belt"].level is Level.FAILURE


def test_a_broker_is_written_to_and_read_from(write_box: Callable[..., Path], broker: EmbeddedBroker) -> None:
    assert by_check(check_broker(load_config(write_box(broker.port))))["broker"].level is Level.OK


def test_a_password_that_others_may_read_is_told(write_box: Callable[..., Path], tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("x")
    config = load_config(write_box(1))
    named = config.model_copy(update={"mqtt": config.mqtt.model_copy(update={"password_file": secret})})
    secret.chmod(0o644)
    assert by_check(check_folders(named))["password"].level is Level.WARNING
    secret.chmod(0o600)
    assert by_check(check_folders(named))["password"].level is Level.OK


def test_a_jetson_without_tensorrt_or_with_an_older_cuda_fails() -> None:
    orin = profile("jetson-orin-nano-jetpack6")
    machine = probe(MACHINES / "orin-nano", "aarch64")
    assert machine.jetson is not None
    well = by_check(check_system(machine, orin))
    assert (well["cuda"].level, well["tensorrt"].level) == (Level.OK, Level.OK)
    poor = replace(machine, jetson=replace(machine.jetson, cuda="11.4", tensorrt=None))
    found = by_check(check_system(poor, orin))
    assert (found["cuda"].level, found["tensorrt"].level) == (Level.FAILURE, Level.FAILURE)


def test_a_jetson_of_another_l4t_than_its_profiles_fails() -> None:
    machine = probe(MACHINES / "orin-nano", "aarch64")
    assert by_check(check_system(machine, profile("jetson-orin-nano-jetpack6")))["jetson"].level is Level.OK
    found = by_check(check_system(machine, profile("jetson-orin-nano-jetpack7")))["jetson"]
    assert found.level is Level.FAILURE
    assert "is for L4T 38 or 39" in found.what


@pytest.mark.parametrize(
    ("installed", "level"), [({"onnxruntime-gpu": "1.23.0"}, Level.OK), ({"onnxruntime-gpu": "1.18.1"}, Level.WARNING)]
)
def test_the_runtime_is_held_against_the_wheel_that_the_profile_asks_for(
    monkeypatch: pytest.MonkeyPatch, installed: dict[str, str], level: Level
) -> None:
    monkeypatch.setattr("edge.doctor.machine.version", installed.__getitem__)
    machine = probe(MACHINES / "orin-nano", "aarch64")
    found = by_check(check_system(machine, profile("jetson-orin-nano-jetpack6")))
    assert found["onnxruntime-gpu"].level is level, "a Jetson's is another package than that of the index"


def test_a_runtime_that_is_not_installed_is_told_with_where_to_get_it() -> None:
    orin = profile("jetson-orin-nano-jetpack6")
    found = by_check(check_system(probe(MACHINES / "orin-nano", "aarch64"), orin))["onnxruntime-gpu"]
    assert (found.level, found.what) == (Level.WARNING, "not installed")
    assert "Jetson AI Lab" in found.mend


def test_every_accelerator_that_is_claimed_is_tried_and_a_claim_alone_is_worth_nothing(
    make_bundle: Callable[..., Any],
) -> None:
    listed = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    assert list(claimed(listed, ["CPU", "GPU.0", "GPU.1", "NPU", "GNA"])) == [
        ("onnxruntime", "tensorrt"),
        ("onnxruntime", "cuda"),
        ("openvino", "gpu"),
        ("openvino", "npu"),
    ]
    made = make_bundle()
    found = try_device(open_bundle(made.folder, [made.public]), "onnxruntime", "cuda")
    assert found.level is Level.WARNING, "no machine that runs these tests has one"
    assert "leave device = 'cuda' out" in found.mend


def test_an_unsupported_board_fails_with_its_reason() -> None:
    machine = probe(MACHINES / "xavier-nx", "aarch64")
    found = by_check(check_profile(machine, profile("jetson-xavier")))
    assert found["profile"].level is Level.FAILURE
    assert "Python 3.8" in found["profile"].why


def test_little_memory_an_old_library_a_full_and_a_worn_disk_are_told() -> None:
    machine = probe()
    poor = replace(
        machine,
        memory_mib=400,
        glibc="2.17",
        python="3.8.10",
        storage=replace(machine.storage, free_mib=100, worn_percent=90),
    )
    generic = profile("x86-generic")
    assert by_check(check_profile(poor, generic))["memory"].level is Level.WARNING
    system = by_check(check_system(poor, generic))
    assert (system["glibc"].level, system["python"].level) == (Level.FAILURE, Level.WARNING)
    storage = by_check(check_storage(poor))
    assert (storage["disk"].level, storage["wear"].level) == (Level.FAILURE, Level.WARNING)


@pytest.mark.parametrize(("synchronised", "level"), [(True, Level.OK), (False, Level.WARNING), (None, Level.WARNING)])
def test_a_clock_that_nobody_sets_is_told(*, synchronised: bool | None, level: Level) -> None:
    assert by_check(check_clock(synchronised))["clock"].level is level


@pytest.mark.parametrize(
    ("told", "level"),
    [
        ("LoadState=loaded\nActiveState=active\nNRestarts=0", Level.OK),
        ("LoadState=loaded\nActiveState=active\nNRestarts=3", Level.WARNING),
        ("LoadState=loaded\nActiveState=failed\nSubState=failed\nResult=watchdog", Level.FAILURE),
        ("LoadState=loaded\nActiveState=activating\nSubState=auto-restart\nResult=exit-code", Level.FAILURE),
        ("LoadState=loaded\nActiveState=activating\nSubState=start\nStatusText=loading", Level.WARNING),
        ("LoadState=not-found\nActiveState=inactive", Level.WARNING),
    ],
)
def test_the_unit_is_told_as_systemd_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, level: Level
) -> None:
    stand_in = tmp_path / "systemctl"
    stand_in.write_text(f"#!{sys.executable}\nprint({told!r})\n")
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert by_check(check_unit())["unit"].level is level


def test_without_systemd_nothing_is_said_of_a_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("systemctl") is None
    assert list(check_unit()) == []


def test_the_releases_are_told_as_the_ledger_has_them(tmp_path: Path) -> None:
    assert list(check_releases(tmp_path / "nowhere")) == []
    store = ReleaseStore(tmp_path)
    for name, counter in (("one", 1), ("two", 2)):
        store.stage(name, counter, lambda folder: (folder / "file").touch())
        store.try_out(name)
        assert by_check(check_releases(tmp_path))["releases"].level is Level.WARNING
        store.pass_trial()
    found = by_check(check_releases(tmp_path))["releases"]
    assert (found.level, found.what) == (Level.OK, "two is good, one is returned to")
    (tmp_path / "releases.json").unlink()
    assert by_check(check_releases(tmp_path))["releases"].level is Level.FAILURE


def test_secrets_that_others_may_read_are_told_one_by_one(write_box: Callable[..., Path], tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("token", "page.key", "page.pem", "broker.key", "broker.pem")}
    for path in files.values():
        path.write_text("x")
        path.chmod(0o644)
    box = write_box(1)
    box.write_text(
        box.read_text().replace(
            "[outbox]", 'tls = { certificate_file = "broker.pem", key_file = "broker.key" }\n[outbox]'
        )
        + '\n[web]\ntoken_file = "token"\ntls = { certificate_file = "page.pem", key_file = "page.key" }\n'
    )
    found = by_check(check_folders(load_config(box)))
    for check, name in (("broker key", "broker.key"), ("page token", "token"), ("page key", "page.key")):
        assert found[check].level is Level.WARNING, found[check]
        files[name].chmod(0o600)
    found = by_check(check_folders(load_config(box)))
    assert all(found[check].level is Level.OK for check in ("broker key", "page token", "page key"))
