"""The installer on a plain root: whole, by itself, over nothing that is the site's own, and never half."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from devices.errors import EdgekitError
from edge.deploy import bootstrap
from edge.deploy.install import install
from edge.deploy.ledger import Ledger, State
from edge.deploy.payload import PayloadList, Target
from edge.deploy.secrets import keep_secrets
from edge.deploy.store import ReleaseStore

Make = Callable[..., tuple[Path, PayloadList]]


def quiet(_line: str) -> None:
    """Say nothing."""


def seen_from_the_box(root: Path, path: str) -> Path:
    """Follow a path as the box itself would: links that begin with / lead to its own root."""
    at = root
    for part in Path(path).relative_to("/").parts:
        at = at / part
        if at.is_symlink():
            goal = at.readlink()
            at = seen_from_the_box(root, str(goal)) if goal.is_absolute() else at.parent / goal
    return at


def test_a_payload_becomes_one_release_that_everything_outside_links_to(flashed_root: Path) -> None:
    store = ReleaseStore(flashed_root / "opt/edgekit")
    release = store.read().current
    assert release is not None
    for path in (
        "/etc/systemd/system/edgekit.service",
        "/etc/systemd/system/edgekit@.service",
        "/etc/systemd/system/multi-user.target.wants/edgekit.service",
        "/etc/systemd/system/timers.target.wants/edgekit-word.timer",
        "/usr/local/lib/systemd/system/edgekit.service.d/credentials.conf",
        "/etc/edgekit/box.toml",
        "/usr/local/bin/edgekit",
    ):
        at = seen_from_the_box(flashed_root, path)
        assert at.is_file(), path
        assert at.resolve().is_relative_to(store.folder(release).resolve()), path
    drop_in = seen_from_the_box(flashed_root, "/usr/local/lib/systemd/system/edgekit.service.d/credentials.conf")
    assert drop_in.read_text() == "[Service]\nLoadCredential=mqtt-password:/etc/edgekit/secrets/mqtt-password\n"
    assert (store.folder(release) / "bin/python").readlink().as_posix().startswith("/usr/bin/python3.")
    command = (store.folder(release) / "bin/edgekit").read_text()
    assert command.startswith(f"#!/opt/edgekit/releases/{release}/bin/python -I\n")


def test_a_bare_python_starts_the_installer(root: Path, make_payload: Make) -> None:
    folder, listed = make_payload("one", 1)
    # -S and no environment: as on a box that has nothing but an interpreter.
    command = [sys.executable, "-I", "-S", str(folder / "install.py"), "--root", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100, env={})
    assert done.returncode == 0, done.stderr
    assert f"{listed.release} is in use, on trial" in done.stdout
    store = ReleaseStore(root / "opt/edgekit")
    assert store.read().find(listed.release).state is State.TRIAL


def test_what_an_installer_that_was_cut_off_unpacked_is_removed_by_the_next(root: Path, make_payload: Make) -> None:
    folder, _ = make_payload("one", 1)
    with ExitStack() as rooms:
        made = [
            TemporaryDirectory(prefix="edgekit-install-", dir=bootstrap.ROOMS, ignore_cleanup_errors=True)
            for _ in range(3)
        ]
        left, held, new = (Path(rooms.enter_context(room)) for room in made)
        (left / "edge").mkdir()
        for old in (left, held):
            os.utime(old, (0, 0))
        descriptor = os.open(held, os.O_RDONLY)
        rooms.callback(os.close, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        command = [sys.executable, "-I", "-S", str(folder / "install.py"), "--root", str(root)]
        subprocess.run(command, capture_output=True, check=True, timeout=100, env={})
        assert (left.exists(), held.exists(), new.exists()) == (False, True, True)


@pytest.mark.long
def test_the_command_of_a_release_runs_with_its_own_packages(root: Path, make_payload: Make) -> None:
    folder, listed = make_payload("one", 1, whole=True)
    install(folder, root, quiet)
    release = root / "opt/edgekit/releases" / listed.release
    # The root's interpreter needs its libraries, which a plain root lacks: this machine's stands in for it.
    packages = next((release / "lib").glob("python3.*")) / "site-packages"
    called = (
        f"import sys; sys.path.insert(0, {str(packages)!r}); import edge.cli; print(edge.__file__); edge.cli.main()"
    )
    words = ["release", "list", "--json", "--store", str(root / "opt/edgekit")]
    command = [sys.executable, "-I", "-S", "-c", called, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    first, _, ledger = done.stdout.partition("\n")
    assert first == str(packages / "edge/__init__.py")
    assert json.loads(ledger)["current"] == listed.release
    assert list(packages.glob("edge/__pycache__/cli.*.pyc")), "who may write nowhere would compile at each start"


def test_an_installer_that_runs_again_changes_nothing(flashed: Path, flashed_root: Path) -> None:
    before = (flashed_root / "opt/edgekit/releases.json").read_bytes()
    told: list[str] = []
    release = install(flashed.parent / "payload-one", flashed_root, told.append)
    assert (flashed_root / "opt/edgekit/releases.json").read_bytes() == before
    assert told == [f"{release} was in use already"]


def test_an_installer_that_was_cut_off_before_the_link_was_set_sets_it_when_it_runs_again(
    flashed: Path, flashed_root: Path
) -> None:
    current = flashed_root / "opt/edgekit/current"
    goal = current.readlink()
    current.unlink()
    current.symlink_to("releases/an-older-one")
    install(flashed.parent / "payload-one", flashed_root, quiet)
    assert current.readlink() == goal


def test_without_a_configuration_a_box_keeps_the_one_it_has(flashed_root: Path, make_payload: Make) -> None:
    folder, listed = make_payload("two", 2, site=False)
    install(folder, flashed_root, quiet)
    assert (flashed_root / "opt/edgekit/current").resolve().name == listed.release
    assert seen_from_the_box(flashed_root, "/etc/edgekit/box.toml").read_text() == "# one\n"


def test_a_first_payload_without_a_configuration_is_refused(root: Path, make_payload: Make) -> None:
    with pytest.raises(EdgekitError, match="no configuration on this box"):
        install(make_payload("one", 1, site=False)[0], root, quiet)
    assert ReleaseStore(root / "opt/edgekit").read().current is None


def test_a_configuration_that_the_site_keeps_itself_is_not_touched(flashed: Path, flashed_root: Path) -> None:
    own = flashed_root / "etc/edgekit/box.toml"
    own.unlink()
    own.write_text("# drawn on the page\n")
    told: list[str] = []
    install(flashed.parent / "payload-one", flashed_root, told.append)
    assert own.read_text() == "# drawn on the page\n"
    assert any("the site's own and stays in force" in line for line in told)


def test_a_command_of_that_name_that_somebody_else_installed_stays(flashed: Path, flashed_root: Path) -> None:
    own = flashed_root / "usr/local/bin/edgekit"
    own.unlink()
    own.write_text("#!/bin/sh\n")
    told: list[str] = []
    install(flashed.parent / "payload-one", flashed_root, told.append)
    assert own.read_text() == "#!/bin/sh\n"
    assert any("the box's own command is /opt/edgekit/keeper/bin/edgekit" in line for line in told)


def test_an_administrators_own_unit_is_not_written_over(flashed: Path, flashed_root: Path) -> None:
    own = flashed_root / "etc/systemd/system/edgekit.service"
    own.unlink()
    own.write_text("[Service]\n")
    with pytest.raises(EdgekitError, match="leads elsewhere: move it away"):
        install(flashed.parent / "payload-one", flashed_root, quiet)
    assert own.read_text() == "[Service]\n"


def test_secrets_are_roots_alone_and_in_no_release(flashed: Path, flashed_root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "payload"
    shutil.copytree(flashed.parent / "payload-one", folder)
    (folder / "secrets").mkdir()
    (folder / "secrets" / "mqtt-password").write_text("open sesame")
    told: list[str] = []
    install(folder, flashed_root, told.append)
    kept = flashed_root / "etc/edgekit/secrets/mqtt-password"
    assert kept.read_text() == "open sesame"
    assert (kept.stat().st_mode & 0o777, kept.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert not any("sesame" in line for line in told)
    releases = flashed_root / "opt/edgekit"
    assert not any(b"sesame" in path.read_bytes() for path in releases.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", ["a b", "x\nExecStart=reboot", "-\u202e", ".hidden", "a:b", "a%b"])
def test_a_secret_whose_name_could_be_read_as_more_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "carried").mkdir()
    (tmp_path / "carried" / name).write_text("x")
    with pytest.raises(EdgekitError, match="cannot name a secret"):
        keep_secrets(tmp_path / "carried", tmp_path / "secrets")
    assert not list((tmp_path / "secrets").iterdir())


def test_a_link_among_the_secrets_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "carried").mkdir()
    (tmp_path / "carried" / "key").symlink_to("/etc/shadow")
    with pytest.raises(EdgekitError, match="cannot read the secret key"):
        keep_secrets(tmp_path / "carried", tmp_path / "secrets")


def test_a_changed_byte_in_any_file_of_a_payload_is_refused(root: Path, make_payload: Make) -> None:
    folder, listed = make_payload("one", 1)
    for file in listed.files:
        path = folder / file.path
        content = path.read_bytes()
        path.unlink()  # and not written over: other payloads share its bytes
        path.write_bytes(bytes([content[0] ^ 1]) + content[1:] if content else b"x")
        with pytest.raises(EdgekitError, match="is not what was packed"):
            install(folder, root, quiet)
        path.write_bytes(content)
    assert not (root / "opt/edgekit").exists()


@pytest.mark.parametrize("path", ["../outside", "site/../../outside", "/etc/passwd", "wheels//x", "site/a\nb"])
def test_a_list_that_leads_out_of_the_payload_is_refused(root: Path, make_payload: Make, path: str) -> None:
    folder, _ = make_payload("one", 1)
    listed = json.loads((folder / "payload.json").read_text())
    listed["files"].append({"path": path, "size": 1, "sha256": "0" * 64})
    (folder / "payload.json").write_text(json.dumps(listed))
    with pytest.raises(EdgekitError, match=r"no payload's list"):
        install(folder, root, quiet)


PLACES = (
    "opt",
    "opt/edgekit",
    "opt/edgekit/releases",
    "etc/edgekit",
    "etc/edgekit/secrets",
    "etc/systemd",
    "usr/local/bin",
    "usr/local/lib",
)


@pytest.mark.parametrize("place", PLACES)
def test_a_root_whose_links_lead_out_of_it_is_refused(
    root: Path, make_payload: Make, tmp_path: Path, place: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o755)
    (outside / "ours").mkdir()
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / place).symlink_to(outside)
    folder, _ = make_payload("one", 1)
    (folder / "secrets").mkdir()
    (folder / "secrets" / "mqtt-password").write_text("open sesame")
    # With a ledger that knows of nothing, all that lay where the link leads would be rests of a crash.
    if place == "opt/edgekit/releases":
        (root / "opt/edgekit/releases.json").write_text(Ledger().model_dump_json(by_alias=True))
    with pytest.raises(EdgekitError, match="leads out of"):
        install(folder, root, quiet)
    assert [path.name for path in outside.iterdir()] == ["ours"]
    assert outside.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("name", [".lock", ".filling"])
def test_a_lock_of_a_root_that_is_a_link_empties_no_other_file(
    root: Path, make_payload: Make, tmp_path: Path, name: str
) -> None:
    other = tmp_path / "passwd"
    other.write_text("ours")
    (root / "opt/edgekit").mkdir(parents=True)
    (root / "opt/edgekit" / name).symlink_to(other)
    with pytest.raises(EdgekitError, match="cannot change the releases"):
        install(make_payload("one", 1)[0], root, quiet)
    assert other.read_text() == "ours"


def test_a_configuration_in_use_that_is_a_link_brings_nothing_of_this_machine(
    flashed_root: Path, make_payload: Make, tmp_path: Path
) -> None:
    secret = tmp_path / "shadow"
    secret.write_text("ours alone")
    store = ReleaseStore(flashed_root / "opt/edgekit")
    used = store.folder(store.read().current or "")
    (used / "site" / "more").symlink_to(secret)
    folder, listed = make_payload("two", 2, site=False)
    install(folder, flashed_root, quiet)
    assert (store.folder(listed.release) / "site" / "more").is_symlink()
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "box.toml").write_text("ours alone")
    shutil.rmtree(store.folder(listed.release) / "site")
    shutil.rmtree(used / "site")
    for one in (used, store.folder(listed.release)):
        (one / "site").symlink_to(tmp_path / "etc")
    with pytest.raises(EdgekitError, match="leads out of"):
        install(make_payload("three", 3, site=False)[0], flashed_root, quiet)


def test_a_system_that_the_wheels_do_not_fit_is_refused(root: Path, make_payload: Make, here: Target) -> None:
    other = "aarch64" if here.architecture == "x86_64" else "x86_64"
    for change, told in (
        ({"architecture": other}, f"build one with --arch {here.architecture}"),
        ({"python": "3.99"}, r"no /usr/bin/python3\.99"),
        ({"least_glibc": "2.99"}, r"the wheels need 2\.99"),
    ):
        folder, _ = make_payload("one", 1, target=here.model_copy(update=change))
        with pytest.raises(EdgekitError, match=told):
            install(folder, root, quiet)
        shutil.rmtree(folder)
    assert not (root / "opt/edgekit").exists()


def test_a_release_that_was_never_started_makes_way_and_one_that_was_does_not(
    flashed_root: Path, make_payload: Make
) -> None:
    store = ReleaseStore(flashed_root / "opt/edgekit")
    install(make_payload("two", 2)[0], flashed_root, quiet)
    folder, listed = make_payload("three", 3)
    install(folder, flashed_root, quiet)
    assert store.read().current == listed.release
    store.start()
    with pytest.raises(EdgekitError, match="is on trial: wait"):
        install(make_payload("four", 4)[0], flashed_root, quiet)
    assert store.read().current == listed.release
