"""What may happen between a box and a consumer, each as a short script; they run one after another on one lane."""

from collections.abc import Callable
from dataclasses import dataclass

from edge.conformance.scripted_box import ScriptedBox


@dataclass(frozen=True, slots=True)
class Scenario:
    """A script, by name, and whether it begins a new epoch."""

    name: str
    play: Callable[[ScriptedBox], None]
    new_epoch: bool = False


def _live(box: ScriptedBox) -> None:
    box.send("belt", range(1, 6))
    box.send("dock", range(1, 4))
    box.expect_all("belt", "dock")


def _duplicates(box: ScriptedBox) -> None:
    box.send("belt", (6, 6, 7))
    box.send("belt", (3, 6, 7), replayed=True)
    box.expect_all("belt")


def _gap(box: ScriptedBox) -> None:
    box.send("belt", (8, 10, 11))
    box.expect_all("belt")
    box.hold()
    box.send("belt", (9,), replayed=True)
    box.expect_all("belt")


def _history_behind_live(box: ScriptedBox) -> None:
    box.send("belt", (17, 18))
    box.send("dock", (6,))
    box.hold()
    box.send("belt", (12, 13), replayed=True)
    box.send("belt", (19,), late=True)
    box.send("dock", (4, 5), replayed=True)
    box.hold()
    box.send("belt", (14, 15, 16), replayed=True)
    box.expect_all("belt", "dock")


def _lost(box: ScriptedBox) -> None:
    box.send("belt", (24,))
    box.hold()
    box.send("belt", (23,), lost=(20, 21, 22))
    box.expect_all("belt")


def _restart(box: ScriptedBox) -> None:
    box.send("belt", (25,))
    box.crash()
    box.connect()
    box.send("belt", (25,), replayed=True)
    box.send("belt", (26,))
    box.expect_all("belt")


def _new_epoch(box: ScriptedBox) -> None:
    box.crash()
    box.connect()
    box.tell_of_an_older_run()
    box.tell()
    box.send("belt", range(1, 4))
    box.send("dock", (1,))
    box.expect_all("belt", "dock")


def _void_state(box: ScriptedBox) -> None:
    box.tell_of_an_older_run()
    box.send("belt", (4, 5))
    box.expect_all("belt")
    box.look_at_what_is_kept()


SCENARIOS = (
    Scenario("live", _live),
    Scenario("duplicates", _duplicates),
    Scenario("gap", _gap),
    Scenario("history behind live", _history_behind_live),
    Scenario("lost", _lost),
    Scenario("restart", _restart),
    Scenario("new epoch", _new_epoch, new_epoch=True),
    Scenario("void state", _void_state),
)
