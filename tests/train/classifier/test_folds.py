"""Folds keep what is alike and what is of one series together, spread each tag, and are the same each time."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from devices.errors import EdgekitError
from edge.evaluate.tagged_set import TaggedPicture
from train.classifier.folds import assign_folds, assign_parts, groups_of, kept_out_by_fold, series_in_folds
from train.classifier.series import series_of


def shots(folder: Path, things: int, shots_each: int) -> tuple[TaggedPicture, ...]:
    """Write several nearly equal shots of each of some things, all of one tag."""
    rng = np.random.default_rng(0)
    pictures: list[TaggedPicture] = []
    for thing in range(things):
        scene = cv2.resize(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8), (64, 64))
        for shot in range(shots_each):
            path = folder / f"{thing}-{shot}.png"
            noisy = scene.astype(int) + rng.integers(-15, 15, scene.shape)
            cv2.imwrite(str(path), noisy.clip(0, 255).astype(np.uint8))
            pictures.append(TaggedPicture(path, "train", "", ((0,),)))
    return tuple(pictures)


def test_shots_of_one_thing_are_in_one_fold_and_things_are_spread(tmp_path: Path):
    pictures = shots(tmp_path, things=5, shots_each=3)
    folds = assign_folds(pictures, 5, seed=0)
    assert all(len(set(folds[index : index + 3])) == 1 for index in range(0, 15, 3))
    assert sorted(folds.count(fold) for fold in range(5)) == [3] * 5
    assert assign_folds(pictures, 5, seed=0) == folds
    assert assign_folds(pictures, 5, seed=1) != folds


def test_a_group_stays_together_whatever_its_pictures_look_like(tmp_path: Path):
    pictures = shots(tmp_path, things=8, shots_each=1)
    grouped = tuple(
        TaggedPicture(picture.path, "train", "camera-1" if index < 4 else "", picture.tags)
        for index, picture in enumerate(pictures)
    )
    folds = assign_folds(grouped, 2, seed=0)
    assert len(set(folds[:4])) == 1
    assert folds.count(0) == folds.count(1) == 4


def visits(folder: Path, products: int, places: int, shots_each: int) -> tuple[TaggedPicture, ...]:
    """Write shots of products in front of each place's own pattern, the product somewhere else each time."""
    rng = np.random.default_rng(1)
    pictures: list[TaggedPicture] = []
    for product in range(products):
        for place in range(places):
            for shot in range(shots_each):
                image = np.full((96, 96, 3), (40 + 60 * place, 200 - 60 * place, 120), np.uint8)
                for at in range(0, 96, 6 + 6 * place):
                    cv2.line(image, (at, 0), (96 - at, 96) if place == 1 else (at, 96), (255, 255, 255), 1 + place)
                image = np.roll(image, rng.integers(0, 96, 2), (0, 1))
                x, y = rng.integers(20, 76, 2).tolist()
                cv2.circle(image, (x, y), 18, (20, 20 + 200 * product, 230), -1)
                path = folder / f"{product}-{place}-{shot}.png"
                cv2.imwrite(str(path), image)
                pictures.append(TaggedPicture(path, "train", "", ((product,),)))
    return tuple(pictures)


def test_a_series_is_in_one_fold_though_no_two_of_its_pictures_are_the_same(tmp_path: Path):
    pictures = visits(tmp_path, products=2, places=3, shots_each=6)
    assert len(groups_of(pictures)) > 6, "thumbnails take each for another thing"
    of_places = [list(range(first, first + 6)) for first in range(0, 36, 6)]
    assert sorted(sorted(series) for series in series_of(pictures, 3)) == of_places
    folds = assign_folds(pictures, 3, seed=0)
    assert all(len({folds[index] for index in place}) == 1 for place in of_places)
    for held in kept_out_by_fold(pictures, 3):
        assert sorted(picture.tags[0][0] for picture in held) == [0] * 6 + [1] * 6, "a series of each product"
    parts = assign_parts(pictures, [0.5, 0.5], seed=0)
    assert any(len({parts[index] for index in place}) > 1 for place in of_places), "parts know nothing of series"


def test_groups_that_a_set_names_are_its_series_and_what_has_none_is_looked_at(tmp_path: Path):
    pictures = tuple(
        TaggedPicture(one.path, one.part, f"day-{index % 6}" if one.tags == ((0,),) else "", one.tags)
        for index, one in enumerate(visits(tmp_path, products=2, places=3, shots_each=6))
    )
    series = [set(members) for members in series_in_folds(pictures, 3)]
    for day in range(6):
        named = {index for index in range(18) if index % 6 == day}
        assert any(named <= members for members in series), "a day is parted"
    assert sum(not members.isdisjoint(range(18)) for members in series) > 1, "days are not looked at"
    for first in range(18, 36, 6):
        assert set(range(first, first + 6)) in series


def test_finding_series_draws_nothing_that_a_training_would_draw(tmp_path: Path):
    pictures = visits(tmp_path, products=1, places=2, shots_each=3)
    torch.manual_seed(3)
    wanted = torch.rand(2)
    torch.manual_seed(3)
    assert [len(series) for series in series_of(pictures, 2)] == [3, 3]
    assert [len(series) for series in series_of(pictures, 9)] == [1] * 6, "fewer pictures than series"
    assert torch.equal(torch.rand(2), wanted)


def test_a_picture_that_cannot_be_read_is_named(tmp_path: Path):
    pictures = visits(tmp_path, products=1, places=1, shots_each=3)
    pictures[1].path.write_bytes(b"no picture")
    with pytest.raises(EdgekitError, match=pictures[1].path.name):
        assign_folds(pictures, 2, seed=0)


def test_more_pictures_of_one_kind_than_can_be_compared_ask_for_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("train.classifier.series._MOST_OF_ONE", 5)
    with pytest.raises(EdgekitError, match=r"6 pictures like .* in the column group of tags.csv"):
        series_of(visits(tmp_path, products=1, places=2, shots_each=3), 2)
