"""A store of releases killed between any two changes of the disk: the old release or the new, never a mix."""

import fcntl
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from devices.errors import EdgekitError
from edge.deploy.ledger import State
from edge.deploy.store import ReleaseStore

_CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "shutil.rmtree"}


def fill(content: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "bin").mkdir()
        for number in range(3):
            (folder / "bin" / f"part-{number}").write_text(content)

    return write


def running(store: ReleaseStore) -> str:
    """Return what all files of the release in use say; they must agree."""
    said = {path.read_text() for path in (store.current / "bin").iterdir()}
    assert len(said) == 1, said
    assert len(list((store.current / "bin").iterdir())) == 3
    return said.pop()


@pytest.fixture
def tmp_path(ram_path: Path) -> Path:
    """Stand for pytest's own: each of some sixty kills comes after dozens of syncs."""
    return ram_path


@pytest.fixture
def store(tmp_path: Path) -> ReleaseStore:
    store = ReleaseStore(tmp_path / "store")
    store.stage("old", 1, fill("old"))
    store.try_out("old")
    store.pass_trial()
    return store


def test_a_release_is_staged_tried_and_kept(store: ReleaseStore) -> None:
    store.stage("new", 2, fill("new"))
    assert running(store) == "old"
    store.try_out("new")
    assert running(store) == "new"
    store.pass_trial()
    ledger = store.read()
    assert (ledger.current, ledger.previous, ledger.floor) == ("new", "old", 2)


def test_a_bad_release_is_left_for_the_one_before(store: ReleaseStore) -> None:
    store.stage("new", 2, fill("new"))
    store.try_out("new")
    store.fail_trial("camera belt no longer streams")
    assert running(store) == "old"
    assert store.read().find("new").state is State.BAD


def test_what_cannot_be_filled_leaves_nothing(store: ReleaseStore) -> None:
    def broken(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise EdgekitError("the wheelhouse lacks numpy")

    with pytest.raises(EdgekitError, match="lacks numpy"):
        store.stage("new", 2, broken)
    assert not store.folder("new").exists()
    assert [release.id for release in store.read().releases] == ["old"]


def test_a_release_whose_filling_was_cut_off_can_be_brought_again_at_once(store: ReleaseStore) -> None:
    def end_in_the_middle(folder: Path) -> None:
        (folder / "half").write_text("half")
        os._exit(9)

    child = os.fork()
    if child == 0:
        store.stage("new", 2, end_in_the_middle)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert store.read().find("new").state is State.FILLING
    store.stage("new", 2, fill("new"))
    store.try_out("new")
    assert running(store) == "new"


def _killed_at(point: int, action: Callable[[], None]) -> bool:
    """Do something in a child that ends without any clean-up before its change of the disk number `point`.

    Returns:
        Whether the child came to that point.
    """
    child = os.fork()
    if child == 0:
        left = point

        def count(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal left
            mode = arguments[1] if event == "open" else None
            writes = event in _CHANGES or (event == "open" and isinstance(mode, str) and mode[:1] in "wxa")
            flags = arguments[2] if event == "open" else 0
            writes = writes or (event == "open" and isinstance(flags, int) and bool(flags & os.O_CREAT))
            if writes:
                left -= 1
                if left < 0:
                    os._exit(9)

        sys.addaudithook(count)
        try:
            action()
        except BaseException:  # noqa: BLE001 - a child must never return into the tests
            os._exit(1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, 9), f"the child failed by itself: {status}"
    return status == 9


def test_a_kill_at_any_change_of_the_disk_leaves_the_old_release_or_the_new(tmp_path: Path) -> None:
    def update(store: ReleaseStore) -> None:
        store.stage("new", 2, fill("new"))
        store.try_out("new")
        store.start()
        store.pass_trial()
        store.roll_back("an operator asked")
        store.stage("newer", 3, fill("newer"))
        store.try_out("newer")
        store.fail_trial("no events")

    points = 0
    while True:
        store = ReleaseStore(tmp_path / f"store-{points}")
        store.stage("old", 1, fill("old"))
        store.try_out("old")
        store.pass_trial()
        if not _killed_at(points, lambda store=store: update(store)):
            break
        points += 1
        assert running(store) in ("old", "new", "newer"), "between the kill and the next start"
        assert (store.keeper / "bin/part-0").is_file(), "nobody could start the box, or take it back"
        ledger = store.start()
        assert ledger.current is not None
        assert running(store) == ledger.current
        assert {folder.name for folder in (store.root / "releases").iterdir()} == {one.id for one in ledger.releases}
        store.stage("later", 9, fill("later"))
        if ledger.on_trial is not None:
            store.pass_trial()
        store.try_out("later")
        store.pass_trial()
        assert running(store) == "later"
    assert points >= 40, points
    assert running(store) == "old"


def test_two_programs_do_not_write_releases_at_once(store: ReleaseStore) -> None:
    def stage_inside(_folder: Path) -> None:
        store.stage("other", 2, fill("other"))

    with pytest.raises(EdgekitError, match="another program is writing"):
        store.stage("new", 2, stage_inside)
    assert [release.id for release in store.read().releases] == ["old"]


def test_a_box_starts_and_is_taken_back_while_another_program_writes_a_release(store: ReleaseStore) -> None:
    store.stage("new", 2, fill("new"))

    def meanwhile(folder: Path) -> None:
        fill("newer")(folder)
        assert store.start().current == "old"
        store.try_out("new")
        store.fail_trial("no events")
        assert (folder / "bin").is_dir(), "it was taken for a rest of a crash"

    store.stage("newer", 3, meanwhile)
    assert store.read().find("newer").state is State.STAGED
    store.try_out("newer")
    assert running(store) == "newer"


def test_one_who_changes_the_releases_is_waited_for_and_not_for_ever(store: ReleaseStore) -> None:
    with (store.root / ".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(EdgekitError, match="another program is changing"):
            ReleaseStore(store.root, lock_wait_s=0.2).start()
        release = threading.Timer(0.3, lambda: fcntl.flock(lock, fcntl.LOCK_UN))
        release.start()
        assert store.start().current == "old"
        release.join()


def test_who_judges_a_release_is_the_good_one_before_it(store: ReleaseStore) -> None:
    def keeps() -> str:
        return (store.keeper / "bin/part-0").read_text()

    assert keeps() == "old"
    store.stage("new", 2, fill("new"))
    store.try_out("new")
    assert (running(store), keeps()) == ("new", "old")
    store.pass_trial()
    assert keeps() == "new"
    store.roll_back("an operator asked")
    assert keeps() == "old"


def test_going_back_removes_nothing_and_tidying_does(store: ReleaseStore) -> None:
    for name, counter in (("second", 2), ("third", 3)):
        store.stage(name, counter, fill(name))
        store.try_out(name)
        if name == "second":
            store.pass_trial()
    store.fail_trial("no events")
    folders = {path.name for path in (store.root / "releases").iterdir()}
    assert folders == {"old", "second", "third"}, "whoever waits for the way back must not wait for a disk"
    store.prune()
    assert {path.name for path in (store.root / "releases").iterdir()} == {"second", "third"}


def test_a_bad_release_can_be_written_anew(store: ReleaseStore) -> None:
    store.stage("new", 2, fill("broken"))
    store.try_out("new")
    store.fail_trial("no events")
    store.stage("new", 2, fill("mended"))
    store.try_out("new")
    assert running(store) == "mended"


def test_what_is_no_trial_any_more_is_left_as_it_ended(store: ReleaseStore) -> None:
    assert store.end_trial("the gate did not answer").current == "old"
    store.stage("new", 2, fill("new"))
    store.try_out("new")
    assert store.end_trial("the gate did not answer").current == "old"
    assert store.read().find("new").reason == "the gate did not answer"


def test_a_store_that_has_lost_its_ledger_is_not_taken_for_an_empty_one(store: ReleaseStore) -> None:
    (store.root / "releases.json").unlink()
    for change in (store.start, store.read, lambda: store.stage("new", 2, fill("new"))):
        with pytest.raises(EdgekitError, match=r"releases\.json is missing.*old"):
            change()
    assert running(store) == "old"


def test_a_ledger_that_was_damaged_is_named_and_not_overwritten(store: ReleaseStore) -> None:
    (store.root / "releases.json").write_text("{}x")
    with pytest.raises(EdgekitError, match=r"releases\.json"):
        store.stage("new", 2, fill("new"))
    assert (store.root / "releases.json").read_text() == "{}x"
