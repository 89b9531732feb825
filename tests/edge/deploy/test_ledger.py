"""Which step of a release may follow which, over every order of steps."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import EdgekitError
from edge.deploy.ledger import MOST_STARTS, Ledger, State

NOON = datetime(2026, 11, 25, 12, tzinfo=timezone.utc)


def good(ledger: Ledger, name: str, counter: int) -> Ledger:
    return ledger.filling(name, counter, NOON).staged(name, NOON).tried(name, NOON).passed(NOON)


def take(ledger: Ledger, step: str, name: str, counter: int, now: datetime) -> Ledger:
    steps: dict[str, Callable[[], Ledger]] = {
        "stage": lambda: ledger.filling(name, counter, now).staged(name, now),
        "try": lambda: ledger.tried(name, now),
        "start": lambda: ledger.started(now),
        "pass": lambda: ledger.passed(now),
        "fail": lambda: ledger.failed("why", now),
        "roll back": lambda: ledger.rolled_back("why", now),
        "prune": ledger.pruned,
    }
    return steps[step]()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["stage", "try", "start", "pass", "fail", "roll back", "prune"]),
            st.sampled_from("abcd"),
            st.integers(1, 6),
        ),
        max_size=40,
    )
)
def test_whatever_is_done_in_whatever_order_the_rules_hold(steps: list[tuple[str, str, int]]) -> None:
    ledger, now = Ledger(), NOON
    for step, name, counter in steps:
        before, now = ledger, now + timedelta(minutes=1)
        try:
            ledger = take(ledger, step, name, counter, now)
        except EdgekitError:
            continue
        Ledger.model_validate_json(ledger.model_dump_json(by_alias=True))  # still consistent, and survives the disk
        assert ledger.floor >= before.floor
        assert ledger.floor == before.floor or step == "pass"
        assert sum(release.state is State.TRIAL for release in ledger.releases) <= 1
        assert before.current is None or ledger.current is not None, "a box that had a release in use has one"
        assert ledger.previous is None or ledger.find(ledger.previous).state is State.GOOD
        judge = None if ledger.keeper is None else ledger.find(ledger.keeper)
        assert judge is None or judge.state is not State.TRIAL or ledger.previous is None
        assert step != "fail" or before.previous is None or ledger.current == before.previous


def test_an_older_release_than_the_newest_good_one_is_refused() -> None:
    ledger = good(good(Ledger(), "a", 3), "b", 7)
    with pytest.raises(EdgekitError, match="counter 6, and one of counter 7"):
        ledger.filling("c", 6, NOON)


def test_a_release_that_waited_while_a_newer_one_was_found_good_is_not_tried_any_more() -> None:
    ledger = good(Ledger().filling("waits", 2, NOON).staged("waits", NOON), "newer", 3)
    with pytest.raises(EdgekitError, match="counter 2, and one of counter 3"):
        ledger.tried("waits", NOON)


def test_the_floor_does_not_rise_for_a_release_that_is_only_tried() -> None:
    ledger = good(Ledger(), "a", 3).filling("b", 9, NOON).staged("b", NOON).tried("b", NOON).failed("bad", NOON)
    assert ledger.floor == 3
    assert ledger.filling("c", 4, NOON).find("c").counter == 4


def test_going_back_to_the_good_release_before_is_always_allowed() -> None:
    ledger = good(good(Ledger(), "a", 3), "b", 7).rolled_back("an operator asked", NOON)
    assert ledger.current == "a"
    assert (ledger.find("b").state, ledger.find("b").reason) == (State.BAD, "an operator asked")
    with pytest.raises(EdgekitError, match="no earlier good release"):
        ledger.rolled_back("again", NOON)


def test_a_release_on_trial_that_starts_again_and_again_is_left() -> None:
    ledger = good(Ledger(), "a", 1).filling("b", 2, NOON).staged("b", NOON).tried("b", NOON)
    for _ in range(MOST_STARTS):
        ledger = ledger.started(NOON)
        assert ledger.current == "b"
    ledger = ledger.started(NOON)
    assert ledger.current == "a"
    assert "started 2 times" in (ledger.find("b").reason or "")


def test_the_first_release_of_a_box_stays_in_use_when_it_is_bad() -> None:
    ledger = Ledger().filling("a", 1, NOON).staged("a", NOON).tried("a", NOON).failed("no broker", NOON)
    assert ledger.current == "a"
    assert ledger.find("a").state is State.BAD


def test_two_good_releases_are_kept_and_older_ones_are_not() -> None:
    ledger = good(good(good(Ledger(), "a", 1), "b", 2), "c", 3).pruned()
    assert [release.id for release in ledger.releases] == ["b", "c"]


def test_a_bad_release_may_be_brought_again_and_one_in_use_may_not() -> None:
    ledger = good(Ledger(), "a", 1).filling("b", 2, NOON).staged("b", NOON).tried("b", NOON).failed("bad", NOON)
    assert ledger.filling("b", 2, NOON).find("b").state is State.FILLING
    with pytest.raises(EdgekitError, match="is here already"):
        ledger.filling("a", 2, NOON)
