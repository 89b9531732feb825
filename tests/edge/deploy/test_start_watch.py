"""A start that is at work is told from one that hangs by what its processes compute, and by nothing that they say."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.deploy.start_watch import StartWatch, computed_s, service_groups

Make = Callable[..., Any]
UNIFIED = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))
BUSY, IDLE = "while True: pass", "import time; time.sleep(600)"


class Box:
    """A service's control group as files say it is, and a watch over it whose clock is moved by hand."""

    def __init__(self, group: Path, pending_s: float = 60.0) -> None:
        self.now_s = 1000.0
        self._group = group
        self.watch = StartWatch((group.with_name("no-such-group"), group), pending_s, 20.0, lambda: self.now_s)

    def after(self, seconds: float, computed_s: float | None, *, begun: bool = True, runs: bool = False) -> StartWatch:
        """Let time go by, after which the service's processes have computed for so long, or are gone."""
        self.now_s += seconds
        if computed_s is None:
            (self._group / "cpu.stat").unlink(missing_ok=True)
        else:
            self._group.mkdir(exist_ok=True)
            (self._group / "cpu.stat").write_text(f"usage_usec {computed_s * 1e6:.0f}\nuser_usec 0\nsystem_usec 0\n")
        self.watch.look(begun=begun, runs=runs)
        return self.watch


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path / "edgekit.service")


def test_who_computes_is_at_work_however_long_it_takes(box: Box) -> None:
    for second in range(600):
        assert box.after(1, second * 0.5).idle_s <= 1
    assert (box.watch.starts_s, box.watch.hangs) == (600, False)


def test_who_computes_nothing_hangs_and_threads_that_look_around_now_and_then_change_nothing(box: Box) -> None:
    box.after(5, 4.0)
    for second in range(20):
        assert not box.watch.hangs
        box.after(1, 4.0 + second * 0.002)
    assert (box.watch.idle_s, box.watch.hangs) == (20, True)


def test_a_release_that_has_gone_is_idle_and_does_not_hang_and_its_next_start_is_work(box: Box) -> None:
    box.after(1, 3.0)
    watch = box.after(20, None)
    assert (watch.idle_s, watch.hangs) == (20, False)
    assert box.after(1, 0.1).idle_s == 0
    assert box.after(9, None).idle_s == 9


def test_a_start_with_less_on_its_account_is_another_one(box: Box) -> None:
    box.after(1, 3.0)
    assert box.after(10, 2.9).idle_s == 0


def test_while_the_release_before_is_being_stopped_nothing_is_held_against_the_new_one(box: Box) -> None:
    assert box.after(30, 77.0, begun=False).idle_s == 0
    assert box.after(29, 77.0, begun=False).idle_s == 0
    assert box.after(40, 77.0, begun=False).idle_s == 40, "a unit that is never restarted is not waited for"


def test_once_it_runs_its_time_counts_from_then(box: Box) -> None:
    box.after(50, 10.0)
    assert box.after(20, 10.0, runs=True).idle_s == 0
    watch = box.after(15, 99.0)
    assert (watch.idle_s, watch.starts_s, watch.hangs) == (15, 0, False)


def test_where_the_kernel_does_not_count_a_start_has_the_time_that_its_unit_gives() -> None:
    now_s = 0.0
    watch = StartWatch((), 60.0, 20.0, lambda: now_s)
    for moment_s, idle_s in ((170.0, 0.0), (200.0, 30.0)):
        now_s = moment_s
        watch.look(begun=True, runs=False)
        assert (watch.idle_s, watch.hangs) == (idle_s, False)


@pytest.fixture
def group() -> Iterator[Path]:
    """Make a control group of the kernel's own; whoever is in it is ended."""
    folder = next((root for root in UNIFIED if (root / "cgroup.procs").is_file()), None)
    made = None if folder is None else folder / f"edgekit-test-{os.getpid()}"
    try:
        if made is None:
            raise PermissionError
        made.mkdir(exist_ok=True)
    except OSError:
        pytest.skip("control groups of version 2 are not here, or this is not root")
    yield made
    made.rmdir()


@pytest.mark.parametrize(("program", "hangs"), [(BUSY, False), (IDLE, True)])
def test_the_kernel_counts_what_the_processes_of_a_unit_compute(
    group: Path, eventually: Make, program: str, *, hangs: bool
) -> None:
    assert service_groups()
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        try:
            (group / "cgroup.procs").write_text(str(process.pid))
            watch = StartWatch((group,), 60.0, 1.5)
            watch.look(begun=True, runs=False)
            before_s = computed_s((group,))

            def looked() -> bool:
                watch.look(begun=True, runs=False)
                return watch.hangs if hangs else (computed_s((group,)) or 0) > (before_s or 0) + 0.5

            eventually(looked, 60)
            assert watch.hangs is hangs
        finally:
            process.kill()
            process.wait()
    eventually(lambda: "populated 0" in (group / "cgroup.events").read_text())
