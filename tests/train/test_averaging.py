"""The running average of the weights reaches as far as asked for, and forgets the beginning."""

import pytest

from train.averaging import decay_over


@pytest.mark.parametrize("moves", [1, 20, 100])
def test_an_average_reaches_over_as_many_moves_as_asked_for(moves: int):
    decay = decay_over(moves)
    assert decay(100 * moves + 100) == 1 - 1 / moves


def test_the_first_weights_of_a_run_are_soon_forgotten():
    decay, first = decay_over(100), 1.0
    for done in range(1, 101):
        first *= decay(done)
    assert first < 1e-4


def test_an_average_never_reaches_further_back_than_it_is_old():
    decay = decay_over(1000)
    kept = [decay(done) for done in range(1, 500)]
    assert kept == sorted(kept)
    assert all(1 / (1 - share) <= 1 + done for done, share in enumerate(kept, start=1))
