"""Thumbnails that are alike are found in every position; what is told to leak in a real set does, and no more."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from train.check.likeness import SIDE, Pair, alike, clusters, thumbnails

AT_LEAST = 0.9


def thumbs_of(*pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.stack(
        [thumbnails(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)) for picture in pictures]
    )


def test_the_likeness_of_a_picture_to_itself_is_one_and_each_pair_is_told_once(planted: Any):
    picture = planted.scene(1)
    (pair,) = alike(thumbs_of(picture, planted.scene(2), picture), AT_LEAST)
    assert (pair.first, pair.second) == (0, 2)
    assert pair.likeness == pytest.approx(1.0, abs=1e-5)


def test_pictures_without_contrast_are_like_none():
    plain = np.full((40, 60, 3), 90, np.uint8)
    assert alike(thumbs_of(plain, plain), AT_LEAST) == []


@pytest.mark.parametrize("count", [1, 5, 1030])
def test_all_pairs_are_found_however_many_pictures_there_are(count: int):
    random = np.random.default_rng(0)
    pictures = random.integers(0, 255, (count, SIDE, SIDE), dtype=np.uint8)
    pictures = np.concatenate([pictures, pictures[:1]])
    found = alike(np.stack([thumbnails(picture) for picture in pictures]), AT_LEAST)
    assert [(pair.first, pair.second) for pair in found] == [(0, count)]


@given(st.integers(1, 30), st.data())
def test_who_hangs_together_is_in_one_cluster_and_nobody_is_lost(count: int, data: st.DataObject):
    index = st.integers(0, count - 1)
    pairs = data.draw(st.lists(st.tuples(index, index), max_size=40))
    found = clusters(count, pairs)
    assert sorted(index for cluster in found for index in cluster) == list(range(count))
    where = {index: number for number, cluster in enumerate(found) for index in cluster}
    assert all(where[first] == where[second] for first, second in pairs)
    # As many pieces as a search from neighbour to neighbour finds.
    left, pieces = set(range(count)), 0
    while left:
        pieces += 1
        reached = {left.pop()}
        while reached:
            near = {other for pair in pairs for other in pair if reached & set(pair)}
            reached = near & left
            left -= reached
    assert len(found) == pieces


def across(pairs: list[Pair], in_val: NDArray[np.bool_]) -> int:
    return sum(bool(in_val[pair.first] != in_val[pair.second]) for pair in pairs)


def test_a_random_split_of_real_pictures_leaks_and_a_split_by_camera_does_not(data_folder: Path):
    folder = data_folder / "warehouse-boxes" / "images"
    if not folder.is_dir():
        pytest.skip("EDGEKIT_DATA holds no warehouse-boxes")
    paths = sorted(folder.glob("*/*.jpg"))
    random = np.random.default_rng(0)
    random.shuffle(paths)  # pyright: ignore[reportArgumentType] - a list will do; names and their order tell nothing
    thumbs = np.stack([thumbnails(np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)) for path in paths])
    pairs = alike(thumbs, AT_LEAST)
    by_camera = np.array([path.parent.name == "val" for path in paths])
    assert across(pairs, by_camera) == 0
    at_random = np.arange(len(paths)) < by_camera.sum()
    assert across(pairs, at_random) > 300
    leaking = {
        index
        for pair in pairs
        for index in (pair.first, pair.second)
        if at_random[pair.first] != at_random[pair.second]
    }
    assert sum(bool(at_random[index]) for index in leaking) > 25
