"""A whole Debian system with a flashed box, booted: its units do what they promise, with broker and cameras outside."""

import os
import shutil
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest

from edge.flash.payload import Order, Packer
from edge.flash.root import flash_root, target_of

Make = Callable[..., Any]
EVENTS = "edgekit/v1/hall/line1/cameras/belt/events"
MOST_ROLLBACK_S = 60.0
LONGER_THAN_THE_WATCHDOG_S = 45.0
PIPE = "/etc/edgekit/catalogue.csv"  # nobody ever writes into it: who reads it waits for good


def update(box: Any, order: Order, packer: Packer) -> tuple[str, datetime]:
    """Bring a release to a running box, as its installer does; return it, and when it was put to use."""
    payload, listed = packer.build(order, target_of(box.root, None))
    box.run("python3", f"/root/{payload.name}/install.py")
    shutil.rmtree(payload)
    since = next(one["since"] for one in box.ledger()["releases"] if one["id"] == listed.release)
    return listed.release, datetime.fromisoformat(since.replace("Z", "+00:00"))


def seconds_since(moment: datetime) -> float:
    return (datetime.now(timezone.utc) - moment).total_seconds()


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_a_flashed_system_boots_works_restarts_what_hangs_and_takes_bad_releases_back(
    fresh_root: Make, outside: Any, boot: Make, hang: Make, eventually_s: Make
) -> None:
    root = fresh_root("line1")
    first = flash_root(root, outside.releases.order("one", 1, outside.camera.url), None, lambda _: None)
    box = boot(root)
    took_s = eventually_s(box.is_active, 180, "the unit is active")
    print(f"unit active {took_s:.1f} s after the system was up")
    eventually_s(outside.events, 120, "events arrive at the broker outside")
    took_s = eventually_s(lambda: box.state(first) == "good", 120, "the first release is found good")
    print(f"first release found good after another {took_s:.1f} s")

    restarts_what_hangs(box, outside, hang, eventually_s)
    leaves_a_lost_camera_alone(box, outside, eventually_s)
    packer = Packer(box.root / "root")
    good = keeps_a_good_release(box, outside, packer, eventually_s)
    blind = outside.releases.order("blind", 3, f"rtsp://127.0.0.1:{outside.releases.dead}/dead")
    takes_back(box, outside, update(box, blind, packer), good, eventually_s)
    crashing = outside.releases.order("crashing", 4, outside.camera.url, bundle="/var/lib/edgekit/nowhere")
    takes_back(box, outside, update(box, crashing, packer), good, eventually_s)
    os.mkfifo(box.root / PIPE.lstrip("/"), 0o644)
    hanging = outside.releases.order("hanging", 5, outside.camera.url, more=f'[routing]\ncatalogue = "{PIPE}"\n')
    assert "hangs" in takes_back(box, outside, update(box, hanging, packer), good, eventually_s)

    box.run("systemctl", "start", "edgekit-housekeeping.service")
    assert "files removed" in box.journal("edgekit-housekeeping.service")
    assert "active" in box.run("systemctl", "is-active", "edgekit-housekeeping.timer")
    told = [message.json() for message in outside.subscriber.on(EVENTS)]
    seqs = sorted({event["seq"] for event in told})
    assert len({event["epoch"] for event in told}) == 1
    assert seqs == list(range(1, len(seqs) + 1)), "over all restarts and releases no event was lost"
    print(f"{len(seqs)} events, none missing")


def restarts_what_hangs(box: Any, outside: Any, hang: Make, eventually_s: Make) -> None:
    restarts, run_id = box.restarts(), outside.run_id()
    threads = hang(box.pid())
    caught = threads.catch()
    took_s = eventually_s(lambda: threads.reap() or box.restarts() > restarts, 120, "the watchdog restarts the unit")
    print(f"the watchdog restarted the unit {took_s:.1f} s after {caught} of its threads hung")
    assert "Watchdog timeout" in box.journal("edgekit.service")
    seen = outside.events()
    eventually_s(lambda: outside.run_id() != run_id, 120, "a new run says so")
    eventually_s(lambda: outside.events() > seen, 120, "events arrive again")


def leaves_a_lost_camera_alone(box: Any, outside: Any, eventually_s: Make) -> None:
    restarts = box.restarts()
    outside.camera.kill()
    time.sleep(LONGER_THAN_THE_WATCHDOG_S)
    assert box.is_active()
    assert box.restarts() == restarts
    outside.camera.start()
    seen = outside.events()
    eventually_s(lambda: outside.events() > seen, 120, "events arrive from the camera that came back")


def keeps_a_good_release(box: Any, outside: Any, packer: Packer, eventually_s: Make) -> str:
    """Try a release as good as the one in use; one of its cameras is dead, as it was before."""
    good, began = update(box, outside.releases.order("two", 2, outside.camera.url), packer)
    eventually_s(lambda: box.state(good) != "trial", 300, "the gate decides")
    assert box.state(good) == "good", box.journal("edgekit-gate.service")
    print(f"a good release was found good {seconds_since(began):.1f} s after it was put to use")
    return good


def takes_back(box: Any, outside: Any, brought: tuple[str, datetime], good: str, eventually_s: Make) -> str:
    bad, began = brought
    eventually_s(lambda: box.state(bad) == "bad", 300, f"release {bad} is found bad")
    seen = outside.events()
    eventually_s(lambda: box.is_active() and box.ledger()["current"] == good, 120, "the good one is back")
    eventually_s(lambda: outside.events() > seen, 120, "events arrive from the release before")
    took_s = seconds_since(began)
    why: str = next(one["reason"] for one in box.ledger()["releases"] if one["id"] == bad)
    print(f"events from the release before {took_s:.1f} s after a bad one was put to use: {why}")
    assert took_s <= MOST_ROLLBACK_S, box.journal("edgekit-gate.service")
    return why
