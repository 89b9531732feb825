"""The ratio that is found reaches the target, and little less would not."""

from hypothesis import given
from hypothesis import strategies as st

from compress.ratio_search import least_ratio


@given(st.floats(0.001, 0.7))
def test_the_found_ratio_reaches_the_target_and_a_step_less_does_not(needed: float):
    found = least_ratio(lambda ratio: ratio >= needed, most=0.7, steps=8)
    assert found is not None
    assert needed <= found <= needed + 0.7 / 2**8


def test_what_no_ratio_reaches_is_told():
    assert least_ratio(lambda _: False, most=0.7, steps=4) is None


def test_only_a_ratio_that_was_seen_to_reach_the_target_is_taken():
    seen: dict[float, bool] = {}

    def erring(ratio: float) -> bool:
        seen[ratio] = ratio == 0.7 or round(ratio * 1000) % 3 == 0
        return seen[ratio]

    found = least_ratio(erring, most=0.7, steps=6)
    assert found is not None
    assert seen[found]
