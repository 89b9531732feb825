"""The gate keeps a good release and takes a bad one back: real releases, real cameras, a real broker."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

import pytest

from devices.errors import EdgekitError
from edge.demo.show import BUNDLE, CLIP, TRUSTED_KEY
from edge.deploy.gate import Gate, Patience, Site, begin_trial
from edge.deploy.ledger import State
from edge.deploy.proof_process import ProofProcess
from edge.deploy.store import ReleaseStore
from edge.deploy.verdict import Verdict, read_verdict, settle
from edge.durable import write_whole
from edge.runtime.vital_signs import NAME, CameraSigns, VitalSigns, read_signs

Make = Callable[..., Any]
QUICK = Patience(most_s=10.0, steady_s=0.3)
PROVES = """
from pathlib import Path
from edge.mqtt.outbox_file import open_file
connection = open_file(Path(sys.argv[sys.argv.index("--outbox") + 1])).connection
connection.execute("INSERT INTO cameras VALUES ('proof', 1)")
"""
LATER = """
connection.execute("UPDATE meta SET value = '9' WHERE key = 'schema_version'")
"""


@pytest.fixture
def store(tmp_path: Path, fill_stub: Make) -> ReleaseStore:
    """Make a store with a good release, and another one, staged, that proves itself."""
    store = ReleaseStore(tmp_path / "store")
    store.stage("old", 1, fill_stub(PROVES))
    store.try_out("old")
    store.pass_trial()
    store.stage("new", 2, fill_stub(PROVES))
    return store


@pytest.fixture
def write_site(tmp_path: Path) -> Callable[..., Site]:
    """Write a box.toml with cameras at URLs."""

    def write(port: int, **cameras: str) -> Site:
        text = f"""
[box]
site = "s"
name = "b"
[bundle]
path = "{BUNDLE}"
trusted_keys = ["{TRUSTED_KEY}"]
[inference]
precision = "int8"
[mqtt]
port = {port}
at_start = "wait"
connect_timeout_s = 2
[outbox]
path = "outbox.db"
"""
        for name, url in cameras.items():
            text += f'[[camera]]\nname = "{name}"\nsource = {{ kind = "rtsp", url = "{url}" }}\n'
        (tmp_path / "box.toml").write_text(text)
        return Site(tmp_path / "box.toml", tmp_path / "run" / NAME, (tmp_path / "edgekit.service",))

    return write


@final
class Service:
    """Tells the vital signs of a box that runs from whatever release is in use; what it tells may be changed."""

    def __init__(self, store: ReleaseStore, path: Path) -> None:
        self.camera = CameraSigns(streaming=True, state="streaming", reason=None, fps=25, frames=0, on_trigger=False)
        self.run_id = "1"
        self._store = store
        self._path = path
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._main)
        self._told = 0

    def __enter__(self) -> "Service":
        self._path.parent.mkdir()
        self._thread.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        self._ended.set()
        self._thread.join()

    def _main(self) -> None:
        while not self._ended.wait(0.05):
            self._told += 1
            signs = VitalSigns(
                run_id=self.run_id,
                software=self._store.current.resolve(),
                told_s=time.monotonic(),
                connected=True,
                cameras={"belt": self.camera.model_copy(update={"frames": self._told})},
            )
            write_whole(self._path, signs.model_dump_json(by_alias=True).encode())


def judged(store: ReleaseStore, site: Site, patience: Patience = QUICK) -> str:
    """Judge and settle, and return what became of it."""
    return settle(store, Gate(store, site, patience).judge())


def test_without_a_trial_there_is_nothing_to_judge(store: ReleaseStore, write_site: Make) -> None:
    assert judged(store, write_site(1, belt="rtsp://nowhere")) == "no release is on trial"


def test_a_verdict_of_an_earlier_trial_is_not_done_again(store: ReleaseStore, write_site: Make, call: Make) -> None:
    site, verdict = write_site(1, belt="rtsp://nowhere"), store.root / "verdict.json"
    begin_trial(store, "new", site)
    store.start()
    options = ("--store", store.root, "--verdict", verdict)
    gate = (sys.executable, "-m", "edge", "release", "gate", "--config", site.config, "--signs", site.signs)
    gate += ("--group", *site.groups)
    settled = (sys.executable, "-m", "edge", "release", "settle", *options)
    assert call(*gate, "--most-s", "1", *options).returncode == 0
    assert call(*settled).returncode == 1
    assert (store.read().current, verdict.exists()) == ("old", True)
    assert call(*gate, *options).stdout == "no release is on trial\n"
    assert call(*settled).stdout == "no release is on trial\n"


def test_the_first_release_of_a_box_is_tried_where_there_is_not_even_a_configuration(tmp_path: Path) -> None:
    store = ReleaseStore(tmp_path / "opt")
    store.stage("first", 1, lambda folder: (folder / "box.toml").touch())
    begin_trial(store, "first", Site(store.current / "site/box.toml", tmp_path / NAME))
    assert store.read().on_trial == store.read().find("first")
    assert not (store.root / "before.json").exists()


@pytest.mark.parametrize("kind", ["link", "pipe", "endless"])
def test_a_verdict_that_is_no_plain_small_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "verdict.json"
    match kind:
        case "link":
            path.symlink_to("/dev/zero")
        case "pipe":
            os.mkfifo(path)
        case _:
            path.write_bytes(b" " * (1 << 20))
    with pytest.raises(EdgekitError, match="cannot read the verdict"):
        read_verdict(path)


def test_a_verdict_holds_for_the_release_that_was_judged_alone(store: ReleaseStore, write_site: Make) -> None:
    begin_trial(store, "new", write_site(1, belt="rtsp://nowhere"))
    for verdict in (None, Verdict(release="other", faults=())):
        with pytest.raises(EdgekitError, match="nobody judged it"):
            settle(store, verdict)
    store.end_trial("an operator ended it")
    with pytest.raises(EdgekitError, match="on trial no more"):
        settle(store, Verdict(release="new", faults=()))
    assert store.read().current == "old"


def test_a_release_that_is_well_stays_though_the_broker_was_away_before_too(
    store: ReleaseStore, write_site: Make, eventually: Make
) -> None:
    site = write_site(1, belt="rtsp://nowhere")
    with Service(store, site.signs):
        eventually(lambda: read_signs(site.signs))
        begin_trial(store, "new", site)
        assert judged(store, site) == "release new is good"
    assert (store.read().find("new").state, store.read().floor) == (State.GOOD, 2)


def test_a_broker_that_was_heard_before_and_is_not_any_more_takes_a_release_back(
    store: ReleaseStore, write_site: Make, mosquitto: Any, eventually: Make
) -> None:
    site = write_site(mosquitto.port, belt="rtsp://nowhere")
    with Service(store, site.signs):
        eventually(lambda: read_signs(site.signs))
        begin_trial(store, "new", site)
        mosquitto.kill()
        with pytest.raises(EdgekitError, match="no message goes to the broker and back any more"):
            judged(store, site, Patience(8.0, 0.3))
    assert store.read().current == "old"
    assert "no message goes" in (store.read().find("new").reason or "")


def test_a_camera_that_streamed_before_and_does_not_any_more_takes_a_release_back(
    store: ReleaseStore, write_site: Make, eventually: Make
) -> None:
    site = write_site(1, belt="rtsp://nowhere")
    with Service(store, site.signs) as service:
        eventually(lambda: read_signs(site.signs))
        begin_trial(store, "new", site)
        service.camera = service.camera.model_copy(update={"streaming": False, "state": "reconnecting"})
        with pytest.raises(EdgekitError, match="new is bad: camera belt streamed before and is reconnecting now"):
            judged(store, site, Patience(2.0, 0.3))
    assert (store.read().current, store.read().floor) == ("old", 1)


def test_a_camera_that_was_just_being_opened_anew_counts_as_one_that_streamed(
    store: ReleaseStore, write_site: Make, eventually: Make
) -> None:
    site = write_site(1, belt="rtsp://nowhere")
    with Service(store, site.signs) as service:
        streams = service.camera
        service.camera = streams.model_copy(update={"streaming": False, "state": "reconnecting"})
        eventually(lambda: read_signs(site.signs))
        back = threading.Timer(0.5, lambda: setattr(service, "camera", streams))
        back.start()
        begin_trial(store, "new", site)
        back.join()
        service.camera = streams.model_copy(update={"streaming": False, "state": "reconnecting"})
        with pytest.raises(EdgekitError, match="camera belt streamed before"):
            judged(store, site, Patience(2.0, 0.3))


def test_a_release_that_never_runs_is_taken_back(store: ReleaseStore, write_site: Make) -> None:
    site = write_site(1, belt="rtsp://nowhere")
    begin_trial(store, "new", site)
    store.start()
    with pytest.raises(EdgekitError, match="the service does not run"):
        judged(store, site, Patience(1.0, 0.3))
    assert store.read().current == "old"


def computes(group: Path, steps: Iterator[float], every_s: float = 0.1) -> threading.Thread:
    """Let the kernel's account of a service say one figure after another."""
    group.mkdir()

    def count() -> None:
        for computed_s in steps:
            write_whole(group / "cpu.stat", f"usage_usec {computed_s * 1e6:.0f}\n".encode())
            time.sleep(every_s)

    thread = threading.Thread(target=count)
    thread.start()
    return thread


def test_a_release_that_hangs_in_its_start_is_taken_back(store: ReleaseStore, write_site: Make) -> None:
    site = write_site(1, belt="rtsp://nowhere")
    begin_trial(store, "new", site)
    store.start()
    computes(site.groups[0], iter([3.0])).join()
    with pytest.raises(EdgekitError, match="new is bad: its start hangs: it is not over, and computes nothing for 1 s"):
        judged(store, site, Patience(60.0, 0.3, hang_s=1.0))
    assert store.read().current == "old"


def test_a_release_that_is_long_at_work_on_its_start_is_waited_for(store: ReleaseStore, write_site: Make) -> None:
    site = write_site(1, belt="rtsp://nowhere")
    begin_trial(store, "new", site)
    store.start()
    compiling = computes(site.groups[0], (second * 1.0 for second in range(100)))
    found: list[str] = []
    judging = threading.Thread(target=lambda: found.append(judged(store, site, Patience(8.0, 0.3, hang_s=8.0))))
    judging.start()
    compiling.join()  # longer than a release has that does nothing
    assert not found
    with Service(store, site.signs):
        judging.join(60)
    assert found == ["release new is good"]


def test_a_start_that_never_ends_is_given_up_though_it_is_at_work(store: ReleaseStore, write_site: Make) -> None:
    site = write_site(1, belt="rtsp://nowhere")
    begin_trial(store, "new", site)
    store.start()
    spinning = computes(site.groups[0], (second * 1.0 for second in range(30)))
    with pytest.raises(EdgekitError, match="new is bad: its start is not over after 2 s"):
        judged(store, site, Patience(60.0, 0.3, start_s=2.0))
    spinning.join()


def test_a_release_that_its_starts_have_taken_back_meanwhile_is_not_judged(
    store: ReleaseStore, write_site: Make
) -> None:
    site = write_site(1, belt="rtsp://nowhere")
    begin_trial(store, "new", site)
    crashes = threading.Timer(0.5, lambda: [store.start() for _ in range(3)])
    crashes.start()
    began_s = time.monotonic()
    with pytest.raises(EdgekitError, match="new is bad: started 2 times"):
        judged(store, site, Patience(60.0, 0.3))
    crashes.join()
    assert time.monotonic() - began_s < 30
    assert store.read().current == "old"


@pytest.mark.parametrize(
    ("program", "told"),
    [
        (PROVES, None),
        ("sys.exit('error: the bundle fails its self-test')", "does not prove itself: error: the bundle fails"),
        ("import os\nos.kill(os.getpid(), 9)", "its proof ended with -9"),
        (PROVES.replace("cameras VALUES ('proof', 1)", "cameras VALUES ('proof', 0)"), "finds no event"),
        (PROVES + LATER, "cannot read its"),
        ("pass", "finds no event"),
    ],
)
def test_a_release_has_to_prove_itself_and_to_leave_an_outbox_that_can_be_read(
    tmp_path: Path, fill_stub: Make, eventually: Make, program: str, told: str | None
) -> None:
    (tmp_path / "release").mkdir()
    fill_stub(program)(tmp_path / "release")
    with ProofProcess(tmp_path / "release", tmp_path / "box.toml") as proof:
        eventually(lambda: proof.look() or proof.passed, 30)
        fault = proof.look()
    assert proof.passed is (told is None)
    assert fault is None if told is None else told in (fault or "")


def test_a_release_without_its_program_is_refuted(tmp_path: Path, eventually: Make) -> None:
    with ProofProcess(tmp_path, tmp_path / "box.toml") as proof:
        eventually(proof.look)
        assert "cannot be started" in (proof.look() or "")


@contextmanager
def running(store: ReleaseStore, site: Site) -> Generator["subprocess.Popen[bytes]", None, None]:
    """Run the box from the release in use, as its unit does."""
    site.signs.parent.mkdir(exist_ok=True)
    command = [str(store.current / "bin/edgekit"), "run", "--config", str(site.config)]
    environment = os.environ | {"RUNTIME_DIRECTORY": str(site.signs.parent)}
    with (site.config.parent / "log").open("ab") as log:
        box = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        yield box
    finally:
        box.terminate()
        try:
            box.wait(60)
        finally:
            box.kill()
            box.wait()


@pytest.mark.timeout(400)  # of a loaded machine: it takes 20 s of a quiet one
def test_an_update_passes_with_a_quiet_camera_and_a_dead_one_and_fails_with_one_that_it_lost(
    tmp_path: Path,
    fill_environment: Make,
    write_site: Make,
    network_camera: Make,
    mosquitto: Any,
    eventually: Make,
    call: Make,
    free_port: int,
) -> None:
    camera = network_camera(CLIP)
    site = write_site(mosquitto.port, belt=camera.url, door=f"rtsp://127.0.0.1:{free_port}/dead")
    store = ReleaseStore(tmp_path / "opt")
    options = ("--store", store.root, "--config", site.config, "--signs", site.signs)
    gate = ("release", "gate", *options, "--most-s", "150", "--steady-s", "2")

    def streams() -> bool:
        signs = read_signs(site.signs)
        return signs is not None and signs.connected and signs.cameras["belt"].streaming

    store.stage("one", 1, fill_environment)
    store.try_out("one")
    store.pass_trial()
    with running(store, site):
        eventually(streams, 120)
        store.stage("two", 2, fill_environment)
        done = call(store.keeper / "bin/edgekit", "release", "try", "two", *options, "--look-s", "1")
        assert done.stdout == "on trial: two\n", done.stderr
    with running(store, site):
        done = call(store.keeper / "bin/edgekit", *gate)
        assert (done.returncode, done.stdout) == (0, "release two is good\n"), done.stderr
        store.stage("three", 3, fill_environment)
        assert call(store.keeper / "bin/edgekit", "release", "try", "three", *options, "--look-s", "1").returncode == 0
    camera.kill()
    with running(store, site):
        eventually(lambda: read_signs(site.signs), 120)
        verdict = ("--verdict", tmp_path / "verdict.json")
        watched = call(store.keeper / "bin/edgekit", *gate[:-4], "--most-s", "12", "--steady-s", "2", *verdict)
        assert watched.returncode == 0, watched.stderr
        assert store.read().current == "three", "who only judges changes nothing"
    done = call(store.keeper / "bin/edgekit", "release", "settle", "--store", store.root, *verdict)
    assert done.returncode == 1, done.stdout
    assert "release three is bad: camera belt streamed before" in done.stderr.splitlines()[-1]
    assert "door" not in done.stderr.splitlines()[-1]
    assert (store.read().current, store.read().floor) == ("two", 2)
    assert not site.signs.exists(), "a box that has ended tells nothing"
