"""Summing up a draw gives what the library gives that scores the drawn pictures as a whole, ties in score included."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("faster_coco_eval", reason="the extra [eval] is not installed")

from edge.evaluate.average_precision import average_precision, spread
from edge.evaluate.comparison import difference
from edge.evaluate.matching import match
from edge.evaluate.measure import SetResult
from edge.evaluate.picture_result import PictureResult
from edge.model.detections import Detections


def some_pictures(seed: int, pictures: int, *, most: int = 12) -> list[PictureResult]:
    """Return pictures with crowded objects of two classes, near misses, double detections and few different scores."""
    random = np.random.default_rng(seed)
    made: list[PictureResult] = []
    for _ in range(pictures):
        corner = random.integers(0, 60, (random.integers(0, most), 2))
        truth = np.concatenate([corner, corner + random.integers(8, 30, corner.shape)], axis=1).astype(np.float32)
        near = truth[random.integers(0, len(truth), random.integers(0, 2 * most))] if len(truth) else truth
        stray = random.integers(0, 60, (random.integers(0, most), 2))
        found = np.concatenate([near + random.integers(-3, 4, near.shape), np.hstack([stray, stray + 9])])
        score = (random.integers(1, 8, len(found)) / 8).astype(np.float32)
        made.append(
            PictureResult(
                truth,
                random.integers(0, 2, len(truth)).astype(np.int32),
                Detections(found.astype(np.float32), score, random.integers(0, 2, len(found)).astype(np.int32)),
            )
        )
    return made


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), pictures=st.integers(1, 8))
def test_a_draw_scores_as_the_library_scores_the_drawn_pictures(seed: int, pictures: int):
    made = some_pictures(seed, pictures)
    drawn = np.random.default_rng(seed).integers(0, pictures, pictures)
    whole = average_precision([made[row] for row in drawn], [0, 1])
    for class_id in (0, 1):
        score = match(made, class_id).average_precision(drawn)
        if class_id not in whole:
            assert score is None
            continue
        assert score is not None
        assert score.map50 == pytest.approx(whole[class_id].map50, abs=1e-12)
        assert score.map50_95 == pytest.approx(whole[class_id].map50_95, abs=1e-12)


def test_no_more_detections_of_a_picture_count_than_the_runtime_gives():
    (made,) = some_pictures(3, 1)
    stray = np.tile(np.array([[200, 200, 210, 210]], np.float32), (400, 1))
    found = Detections(
        np.concatenate([stray, made.truth_xyxy]),
        np.concatenate([np.full(400, 0.9), np.full(len(made.truth_xyxy), 0.1)]).astype(np.float32),
        np.concatenate([np.zeros(400), made.truth_class]).astype(np.int32),
    )
    crowded = [PictureResult(made.truth_xyxy, made.truth_class, found)]
    score = match(crowded, 0).average_precision(np.zeros(1, np.int64))
    assert score is not None
    assert score.map50 == average_precision(crowded, [0])[0].map50 == 0


def test_pictures_without_any_detection_score_zero_and_without_objects_not_at_all():
    (made,) = some_pictures(5, 1)
    blind = match([PictureResult(made.truth_xyxy, made.truth_class, Detections.empty())], int(made.truth_class[0]))
    score = blind.average_precision(np.zeros(1, np.int64))
    assert score is not None
    assert (score.map50, score.map50_95) == (0, 0)
    assert blind.objects.sum() > 0
    assert match([made], 7).average_precision(np.zeros(1, np.int64)) is None


def test_the_interval_of_a_score_holds_it_and_is_narrow_where_all_pictures_are_alike():
    made = some_pictures(11, 12)
    score = average_precision(made, [0])[0]
    luck = spread(made, 0, draws=200, seed=0)
    assert luck.map50[0] < score.map50 < luck.map50[1]
    assert luck.map50_95[0] < score.map50_95 < luck.map50_95[1]
    alike = [next(one for one in made if (one.truth_class == 0).any())] * 6
    same = spread(alike, 0, draws=20, seed=0)
    assert same.map50[0] == pytest.approx(same.map50[1])


def test_a_class_that_no_draw_shows_has_its_own_score_for_an_interval():
    box = np.array([[0, 0, 9, 9]], np.float32)
    found = Detections(box, np.ones(1, np.float32), np.zeros(1, np.int32))
    bare = PictureResult(np.zeros((0, 4), np.float32), np.zeros(0, np.int32), Detections.empty())
    pictures = [PictureResult(box, np.zeros(1, np.int32), found), *[bare] * 200]
    seed = next(seed for seed in range(99) if 0 not in np.random.default_rng(seed).integers(0, 201, 201))
    assert spread(pictures, 0, draws=1, seed=seed).map50 == (1.0, 1.0)


def test_the_interval_of_a_difference_is_that_of_scoring_every_draw_as_a_whole():
    first, second = some_pictures(1, 9), some_pictures(2, 9)
    second = [
        PictureResult(one.truth_xyxy, one.truth_class, other.found) for one, other in zip(first, second, strict=True)
    ]
    random = np.random.default_rng(4)
    slow: list[float] = []
    for _ in range(15):
        rows = random.integers(0, 9, 9)
        means = [
            np.mean([score.map50_95 for score in average_precision([each[row] for row in rows], [0, 1]).values()])
            for each in (first, second)
        ]
        slow.append(100 * float(means[1] - means[0]))
    names = tuple(str(row) for row in range(9))
    results = [SetResult("made", (0, 1), names, tuple(pictures)) for pictures in (first, second)]
    told = difference(results[:1], results[1:], draws=15, seed=4)
    assert (told.low, told.high) == pytest.approx(tuple(np.percentile(slow, (2.5, 97.5))), abs=1e-9)
