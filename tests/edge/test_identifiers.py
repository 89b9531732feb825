import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.identifiers import uuid7

MILLISECONDS = st.integers(0, (1 << 48) - 1)


@given(MILLISECONDS)
def test_an_id_holds_its_time_version_and_variant(unix_ms: int) -> None:
    made = uuid7(unix_ms)
    assert made.int >> 80 == unix_ms
    assert made.int >> 76 & 0xF == 7
    assert made.int >> 62 & 0b11 == 0b10


@given(MILLISECONDS, MILLISECONDS)
def test_ids_sort_by_their_time_as_text_too(first_ms: int, second_ms: int) -> None:
    if first_ms < second_ms:
        assert str(uuid7(first_ms)) < str(uuid7(second_ms))


def test_the_example_of_the_rfc_has_the_same_fixed_bits() -> None:
    # RFC 9562, appendix A.6: 017F22E2-79B0-7CC3-98C4-DC0C0C07398F
    assert str(uuid7(0x017F22E279B0)).startswith("017f22e2-79b0-7")


def test_ids_of_one_millisecond_differ() -> None:
    now_ms = int(time.time() * 1000)
    assert len({uuid7(now_ms) for _ in range(10_000)}) == 10_000


@pytest.mark.parametrize("unix_ms", [-1, 1 << 48])
def test_a_time_out_of_range_is_refused(unix_ms: int) -> None:
    with pytest.raises(ValueError, match="48 bits"):
        uuid7(unix_ms)
