from datetime import datetime, timedelta, timezone
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from edge.mqtt.losses import Doomed, joined, losses
from edge.mqtt.messages import WireInterval

NOON = datetime(2025, 3, 1, 12, tzinfo=timezone.utc)
RANGES = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 8)).map(lambda pair: (pair[0], pair[0] + pair[1])))


def _seqs(ranges: tuple[tuple[int, int], ...] | list[tuple[int, int]]) -> set[int]:
    return {seq for first, last in ranges for seq in range(first, last + 1)}


@given(RANGES)
def test_joined_ranges_cover_the_same_and_do_not_touch(ranges: list[tuple[int, int]]) -> None:
    result = joined(ranges)
    assert _seqs(result) == _seqs(ranges)
    assert all(later[0] > earlier[1] + 1 for earlier, later in pairwise(result))


def test_each_camera_is_told_of_its_own_losses() -> None:
    doomed = [
        Doomed("b", 4, NOON),
        Doomed("a", 1, NOON + timedelta(seconds=1)),
        Doomed("a", 2, NOON + timedelta(seconds=3)),
        Doomed("a", 5, NOON + timedelta(seconds=2)),
    ]
    first, second = losses(doomed, "outbox_full")
    assert (first.camera, first.seqs) == ("a", ((1, 2), (5, 5)))
    assert (first.interval.start, first.interval.end) == (NOON + timedelta(seconds=1), NOON + timedelta(seconds=3))
    assert first.interval.cause == "outbox_full"
    assert (second.camera, second.seqs) == ("b", ((4, 4),))


def test_a_discarded_loss_passes_on_what_it_told() -> None:
    told = WireInterval(start=NOON, end=NOON + timedelta(seconds=9), cause="outbox_full", seqs=((1, 5),))
    (loss,) = losses([Doomed("a", 6, NOON + timedelta(hours=1), told)], "outbox_full")
    assert loss.seqs == ((1, 6),)
    assert (loss.interval.start, loss.interval.end) == (NOON, NOON + timedelta(seconds=9))
