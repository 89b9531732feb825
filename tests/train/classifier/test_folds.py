"""Folds keep what is alike together, spread each tag, and are the same each time."""

from pathlib import Path

import cv2
import numpy as np

from edge.evaluate.tagged_set import TaggedPicture
from train.classifier.folds import assign_folds


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
