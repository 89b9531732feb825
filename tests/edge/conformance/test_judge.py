"""What the judge of a consumer holds against it, and what not."""

import pytest

from edge.conformance.judge import Judge, Rule


@pytest.fixture
def judge() -> Judge:
    """Judge after 1, 2 and 4 went out; 3 is missing."""
    made = Judge()
    made.begin("gap", "now")
    for seq in (1, 2, 4):
        made.sent("belt", seq)
    return made


def broken(judge: Judge) -> list[Rule]:
    return [fault.rule for fault in judge.faults]


@pytest.mark.parametrize("payload", [b"2", b'{"epoch": "now", "upto": 2}', b'{"epoch": "now", "upto": 0}', b"1"])
def test_what_is_whole_may_be_acknowledged_in_either_form(judge: Judge, payload: bytes) -> None:
    judge.acknowledged("belt", payload)
    assert broken(judge) == []


@pytest.mark.parametrize(
    ("payload", "rule"),
    [
        (b"3", Rule.BEYOND_GAP),
        (b'{"epoch": "now", "upto": 4}', Rule.BEYOND_GAP),
        (b'{"epoch": "never", "upto": 1}', Rule.OTHER_EPOCH),
        (b'{"upto": 1}', Rule.MALFORMED),
        (b"true", Rule.MALFORMED),
        (b"two", Rule.MALFORMED),
        (b"-1", Rule.MALFORMED),
    ],
)
def test_what_is_not_is_a_fault_of_its_own_name(judge: Judge, payload: bytes, rule: Rule) -> None:
    judge.acknowledged("belt", payload)
    assert broken(judge) == [rule]
    assert judge.upto("belt") == 0


def test_a_kept_number_and_a_camera_that_sent_nothing_are_faults(judge: Judge) -> None:
    judge.acknowledged("belt", b"2", kept=True)
    judge.acknowledged("ghost", b"1")
    assert broken(judge) == [Rule.RETAINED_NUMBER, Rule.RETAINED_EVENT]


def test_a_late_word_of_the_epoch_before_is_none_but_nothing_else_is_overdue_for_it(judge: Judge) -> None:
    judge.begin("new epoch", "later")
    judge.sent("belt", 1)
    judge.acknowledged("belt", b'{"epoch": "now", "upto": 2}')
    assert broken(judge) == []
    judge.overdue("belt")
    assert broken(judge) == [Rule.OTHER_EPOCH]


def test_what_is_told_as_lost_is_not_missing(judge: Judge) -> None:
    judge.sent("belt", 5, lost=(3,))
    assert judge.whole("belt") == 5


def test_effects_come_once_for_what_was_sent_and_before_their_acknowledgement() -> None:
    judge = Judge(reports_in_order=True)
    judge.begin("live", "now")
    judge.sent("belt", 1)
    judge.acknowledged("belt", b"1")
    report = b'{"camera": "belt", "epoch": "now", "seq": 1}'
    judge.effect(report)
    judge.effect(report)
    judge.effect(report.replace(b"1}", b"9}"))
    judge.effect(b"[]")
    assert broken(judge) == [Rule.EFFECT_MISSING, Rule.EFFECT_TWICE, Rule.EFFECT_UNKNOWN, Rule.MALFORMED]


@pytest.mark.parametrize("report", [b"[" * 100_000, b'{"camera": "belt", "epoch": "now", "seq": 1e999}'])
def test_a_report_that_is_made_to_be_misread_is_a_fault_like_any_other(judge: Judge, report: bytes) -> None:
    judge.effect(report)
    assert broken(judge) == [Rule.MALFORMED]
