"""Pictures and labels as baselines learn them, and what they find in the form of the runtime's detections."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edge.evaluate.labels import Label, read_labels
from edge.model.detections import Detections
from edge.model.geometry import Bgr, Letterbox
from edge.model.masks import Masks
from edge.model.picture import read_picture
from train.baselines.adapter import Baseline, Objects


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture and its label file, as they are linked below a run's folder."""

    picture: Path
    labels: Path


def corners_of(labels: Sequence[Label], width: int, height: int) -> NDArray[np.float32]:
    """Return the boxes (N, 4) of labels as xyxy in pixels of a picture."""
    centres = np.array([label.cxcywh for label in labels], np.float32).reshape(-1, 4) * ([width, height] * 2)
    corners = np.concatenate([centres[:, :2] - centres[:, 2:] / 2, centres[:, :2] + centres[:, 2:] / 2], axis=1)
    return corners.astype(np.float32)


def laid(image: NDArray[np.uint8], input_px: int) -> tuple[Tensor, Letterbox]:
    """Return a picture (H, W, 3) uint8 BGR as the runtime lays it into a square input, (3, side, side) RGB 0 to 1."""
    box = Letterbox.fit(image.shape[1], image.shape[0], input_px, input_px)
    drawn = np.empty((input_px, input_px, 3), np.uint8)
    box.draw(Bgr(image), drawn)
    return torch.from_numpy(np.ascontiguousarray(drawn[:, :, ::-1].transpose(2, 0, 1))).float() / 255, box


def learnt(sample: Sample, classes: int, input_px: int) -> tuple[Tensor, Objects]:
    """Return a picture and what stands in it, in pixels of the input.

    Raises:
        EdgekitError: The picture or its labels cannot be read.
    """
    image = read_picture(sample.picture)
    tensor, box = laid(image, input_px)
    rows = list(read_labels(sample.labels, classes))
    corners = corners_of(rows, image.shape[1], image.shape[0])
    xyxy = torch.from_numpy(box.to_input(corners)).clamp(0, input_px)
    seen = (xyxy[:, 2] - xyxy[:, 0] >= 1) & (xyxy[:, 3] - xyxy[:, 1] >= 1)
    class_id = torch.tensor([row.class_id for row in rows], dtype=torch.int64)
    masks = _painted(rows, box, input_px)
    everything = Objects(xyxy, class_id, torch.ones(len(rows)), masks)
    return tensor, Objects(xyxy[seen], class_id[seen], everything.score[seen], None if masks is None else masks[seen])


def mirrored(picture: Tensor, objects: Objects) -> tuple[Tensor, Objects]:
    """Return a picture and its objects as in a mirror."""
    width = picture.shape[2]
    left, top, right, bottom = objects.xyxy.unbind(1)
    xyxy = torch.stack([width - right, top, width - left, bottom], 1)
    masks = None if objects.masks is None else objects.masks.flip(2)
    return picture.flip(2), Objects(xyxy, objects.class_id, objects.score, masks)


@torch.no_grad()
def detect(baseline: Baseline, image: NDArray[np.uint8], input_px: int, least_score: float = 0.0) -> Detections:
    """Return what a baseline finds in a picture (H, W, 3) uint8 BGR, best first, in its pixels."""
    baseline.module.eval()
    tensor, box = laid(image, input_px)
    found = baseline.find(tensor)
    boxes = box.to_frame(found.xyxy.numpy().astype(np.float32))
    score = found.score.numpy().astype(np.float32)
    kept = np.flatnonzero((score >= least_score) & (boxes[:, 2] - boxes[:, 0] >= 1) & (boxes[:, 3] - boxes[:, 1] >= 1))
    masks = None if found.masks is None else _in_frame(found.masks.numpy()[kept], boxes[kept], box)
    return Detections(boxes[kept], score[kept], found.class_id.numpy()[kept].astype(np.int32), masks)


def _painted(rows: Sequence[Label], box: Letterbox, input_px: int) -> Tensor | None:
    """Return masks (N, side, side) of the outlines, None where an object has none."""
    painted = np.zeros((len(rows), input_px, input_px), np.uint8)
    for row, mask in zip(rows, painted, strict=True):
        if row.polygon is None:
            return None
        corners = np.array(row.polygon) * (box.width, box.height) + (box.left, box.top)
        cv2.fillPoly(mask, [np.round(corners).astype(np.int32)], 1)
    return torch.from_numpy(painted).bool()


def _in_frame(masks: NDArray[np.bool_], boxes: NDArray[np.float32], box: Letterbox) -> Masks:
    """Return masks of the input as masks of the frame, each cut to its box."""
    corners = np.floor(boxes[:, :2] + 0.5).astype(np.int32)
    ends = np.maximum(np.floor(boxes[:, 2:] + 0.5).astype(np.int32), corners + 1)
    crops: list[NDArray[np.uint8]] = []
    for mask, (left, top), (right, bottom) in zip(masks, corners, ends, strict=True):
        inside = mask[box.top : box.top + box.height, box.left : box.left + box.width].astype(np.float32)
        whole = np.asarray(cv2.resize(inside, (box.frame_width, box.frame_height), interpolation=cv2.INTER_LINEAR))
        crops.append((whole[top:bottom, left:right] > 0.5).astype(np.uint8))  # noqa: PLR2004 - nearer to inside
    return Masks(corners, tuple(crops))
