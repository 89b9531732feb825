"""An installer cut off between any two changes of the disk: the old release is in use, or the new one, never a mix."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge.deploy.install import install
from edge.deploy.ledger import State
from edge.deploy.payload import PayloadList
from edge.deploy.store import ReleaseStore

# The tests' own modules are not importable here (importlib mode): see conftest.py for the fixtures.

_CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.chmod", "shutil.rmtree"}
# Runs a program that ends without any clean-up before its change of the disk number argv[1].
_MORTAL = """
import os, runpy, sys
left = int(sys.argv[1])
def count(event, arguments):
    global left
    wanted = event in %r
    if event == "open":
        mode, flags = arguments[1], arguments[2]
        wanted = (isinstance(mode, str) and mode[:1] in "wxa") or (isinstance(flags, int) and bool(flags & os.O_CREAT))
    if wanted:
        left -= 1
        if left < 0:
            os._exit(9)
sys.path.insert(0, sys.argv[2])
from edge.deploy.install import main
sys.addaudithook(count)
sys.exit(main(sys.argv[3:]))
"""
REPOSITORY = Path(__file__).parents[3]


def words(point: int, folder: Path, root: Path) -> list[str]:
    code = _MORTAL % (_CHANGES,)
    return [sys.executable, "-c", code, str(point), str(REPOSITORY), str(folder), "--root", str(root)]


def killed_at(point: int, folder: Path, root: Path) -> bool:
    """Install, and end at a change of the disk; whether the installer came to it."""
    done = subprocess.run(words(point, folder, root), capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode in (0, 9), done.stderr
    return done.returncode == 9


def word_in_use(root: Path) -> str:
    """Return the word that all of the release in use says, as the box sees it; its files must be whole and agree."""
    current = root / "opt/edgekit/current"
    said = {
        (current / "systemd/edgekit-word.timer").read_text().splitlines()[0],
        (current / "site/box.toml").read_text().strip(),
        (current / "site/bundle/manifest.json").read_text().strip(),
        f"# {current.resolve().name.rpartition('-')[0]}",
    }
    assert len(said) == 1, said
    assert (current / "bin/edgekit").read_text().startswith(f"#!/opt/edgekit/releases/{current.resolve().name}/bin/")
    assert next((current / "lib").glob("python3.*/site-packages/annotated_types/__init__.py")).stat().st_size > 0
    for link, goal in (
        ("etc/edgekit/box.toml", "/opt/edgekit/current/site/box.toml"),
        ("etc/systemd/system/edgekit.service", "/opt/edgekit/current/systemd/edgekit.service"),
    ):
        assert (root / link).readlink().as_posix() == goal
    return said.pop().removeprefix("# ")


def check_and_finish(folder: Path, listed: PayloadList, root: Path) -> str:
    """Assert that an update that was cut off can be started from, and be finished; returns what was in use."""
    word = word_in_use(root)
    assert word in ("one", "two")
    store = ReleaseStore(root / "opt/edgekit")
    ledger = store.read()
    assert ledger.current is not None
    assert store.folder(ledger.current).is_dir()
    install(folder, root, lambda _: None)
    assert store.read().find(listed.release).state is State.TRIAL
    assert store.read().previous is not None, "there must be a way back"
    assert word_in_use(root) == "two"
    known = {release.id for release in store.read().releases}
    assert {path.name for path in (root / "opt/edgekit/releases").iterdir()} == known
    store.fail_trial("its gate says no")
    assert word_in_use(root) == "one"
    return word


@pytest.fixture
def update(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Path, PayloadList]:
    make = request.getfixturevalue("make_payload")
    folder, listed = make("two", 2)
    (folder / "secrets").mkdir()
    (folder / "secrets" / "mqtt-password").write_text("x")
    del tmp_path
    return folder, listed


def copied(flashed: Path, to: Path) -> Path:
    shutil.rmtree(to, ignore_errors=True)
    subprocess.run(["cp", "-al", str(flashed), str(to)], check=True)
    return to


def test_an_update_killed_at_a_few_of_its_steps_leaves_the_old_release_or_the_new(
    flashed: Path, update: tuple[Path, PayloadList], tmp_path: Path
) -> None:
    # The first changes, one in the middle of filling, and the last before the switch; all of them in the long test.
    for point in (0, 3, 11):
        root = copied(flashed, tmp_path / "root")
        assert killed_at(point, update[0], root)
        assert word_in_use(root) == "one"
    assert check_and_finish(*update, root) == "one"


@pytest.mark.long
def test_an_update_killed_at_every_one_of_its_steps_leaves_the_old_release_or_the_new(
    flashed: Path, update: tuple[Path, PayloadList], tmp_path: Path
) -> None:
    seen: list[str] = []
    while killed_at(len(seen), update[0], copied(flashed, tmp_path / "root")):
        seen.append(check_and_finish(*update, tmp_path / "root"))
    print(f"{len(seen)} steps, after which the new release was in use {seen.count('two')} times")
    assert len(seen) >= 30
    assert sorted(seen) == seen, "once the new one is in use, no later step may put the old one back"
    assert word_in_use(tmp_path / "root") == "two", "the one that was not killed"


@pytest.mark.long
def test_an_update_killed_at_200_moments_with_all_its_processes_leaves_the_old_release_or_the_new(
    flashed: Path, update: tuple[Path, PayloadList], tmp_path: Path
) -> None:
    whole_s = 60.0  # shorter as soon as one comes to its end before it is killed
    seen: list[str] = []
    while len(seen) < 200:
        root = copied(flashed, tmp_path / "root")
        began = time.monotonic()
        with subprocess.Popen(
            words(10**9, update[0], root), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        ) as installer:
            try:
                installer.wait(timeout=whole_s * (len(seen) + 0.5) / 200)
            except subprocess.TimeoutExpired:
                os.killpg(installer.pid, signal.SIGKILL)
            else:
                assert installer.returncode == 0
                whole_s = min(whole_s, time.monotonic() - began)
                continue
        seen.append(word_in_use(root))
        if len(seen) % 10 == 0:
            seen[-1] = check_and_finish(*update, root)
    print(f"200 kills over {whole_s:.1f} s, after which the new release was in use {seen.count('two')} times")
