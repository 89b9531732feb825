"""Follows the objects of one camera from frame to frame, so that each parcel stays one parcel.

A constant-velocity tracker of the SORT and ByteTrack family. It reckons in seconds, not in frames, so that skipped
frames change nothing; and it holds a detection against where a track was as well as against where it should be, so
that a belt that stops or rolls back loses nobody.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.model.detections import Detections, iou_matrix, overlap_matrix
from edge.tags.divided import DividedBoxes, Seam
from edge.tags.touching import Known, TouchingObjects


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """How a tracker decides.

    Attributes:
        birth_score: A detection below it continues a track but begins none.
        minimum_consecutive_frames: Frames in a row that make a new track count.
        least_iou: Overlap above which a detection can continue a track.
        coast_s: Seconds without a detection after which a track ends.
        twin_share: A detection that lies in a track's box by more than this share begins no track of its own.
        fresh_s: Seconds without a detection after which a track is no evidence that a box is around two objects.
        gain: Share of a new measurement of speed or score that is believed, 0 to 1.
    """

    birth_score: float = 0.5
    minimum_consecutive_frames: int = 2
    least_iou: float = 0.2
    coast_s: float = 1.0
    twin_share: float = 0.6
    fresh_s: float = 0.15
    gain: float = 0.3


@dataclass(frozen=True, slots=True)
class Tracks:
    """The confirmed tracks that were seen in one frame, N rows.

    Attributes:
        detections: Their boxes in this frame.
        track_id: (N,) int64, unique for a camera and run, from 1.
        age: (N,) int64, frames in which each was seen.
    """

    detections: Detections
    track_id: NDArray[np.int64]
    age: NDArray[np.int64]


@dataclass(slots=True)
class _Track:
    track_id: int
    box: NDArray[np.float32]
    velocity: NDArray[np.float32]
    class_id: int
    score: float
    seen_s: float
    hits: int
    confirmed: bool

    def predicted(self, now_s: float) -> NDArray[np.float32]:
        shift = self.velocity * (now_s - self.seen_s)
        return (self.box + np.concatenate([shift, shift])).astype(np.float32)

    def stay(self, gain: float, now_s: float) -> None:
        """Be seen once more in the same place."""
        self.velocity = (self.velocity * np.float32(1 - gain)).astype(np.float32, copy=False)
        self.seen_s = now_s
        self.hits += 1


@dataclass(frozen=True, slots=True)
class _Newest:
    """What the newest frame showed: confirmed tracks, each with its row of the detections."""

    detections: Detections
    shown: tuple[_Track, ...]

    @property
    def tracks(self) -> Tracks:
        """Return it with the frames that each track has been seen in by now."""
        return Tracks(
            self.detections,
            np.array([track.track_id for track in self.shown], np.int64),
            np.array([track.hits for track in self.shown], np.int64),
        )


class Tracker:
    """The tracks of one camera.

    Args:
        settings: How it decides.
    """

    def __init__(self, settings: TrackerSettings | None = None) -> None:
        self._settings = settings or TrackerSettings()
        self._tracks: list[_Track] = []
        self._born = 0
        self._touching = TouchingObjects()
        self._divided = DividedBoxes()
        self._newest: _Newest | None = None

    def update(self, detections: Detections, now_s: float) -> Tracks:
        """Continue tracks with a frame's detections, begin new ones, end those that were not seen for long.

        Args:
            detections: Objects of one frame.
            now_s: Seconds on the camera's own time line; must not fall.
        """
        settings = self._settings
        self._end({id(track) for track in self._tracks if now_s - track.seen_s > settings.coast_s})
        known = self._known(now_s)
        detections = self._divided.divide(detections, known)
        detections = detections.where(~self._touching.unions(detections, known))
        continued = self._associate(detections, now_s)
        rows = {row: track for track, row in continued}
        for track, row in continued:
            self._continue(track, detections, row, now_s)
        matched_boxes = [track.box for track in rows.values()]
        for row in range(len(detections)):
            if row in rows or detections.score[row] < settings.birth_score:
                continue
            if _lies_in(detections.xyxy[row], matched_boxes, settings.twin_share):
                continue
            rows[row] = self._begin(detections, row, now_s)
            matched_boxes.append(detections.xyxy[row])
        rows = self._without_twins(rows)
        self._end_false_starts(set(map(id, rows.values())))
        shown = [(row, track) for row, track in sorted(rows.items()) if track.confirmed]
        self._touching.see(_as_known([(track, track.box) for _, track in shown]))
        order = np.array([row for row, _ in shown], np.intp)
        settled = all(track.confirmed for track in rows.values())
        newest = _Newest(detections.where(order), tuple(track for _, track in shown))
        self._newest = newest if settled else None
        return newest.tracks

    def rest(self, now_s: float) -> Tracks | None:
        """Continue the tracks of the newest frame where they are, since nothing has moved; a fraction of an update.

        Returns:
            What an update with the same detections would; None where it takes one to know: none came yet, or since
            then a track was divided, all were forgotten, or some are too young to count.
        """
        newest = self._newest
        if newest is None:
            return None
        for track in newest.shown:
            track.stay(self._settings.gain, now_s)
        self._end({id(track) for track in self._tracks if now_s - track.seen_s > self._settings.coast_s})
        return newest.tracks

    def divide(self, track_id: int, seam: Seam) -> tuple[int, int]:
        """End a track that was around two objects, begin one for each, and return their ids, left or upper first.

        From now on a box around both is divided between them. A box around one of them continues that one.
        """
        joint = next(track for track in self._tracks if track.confirmed and track.track_id == track_id)
        self._newest = None
        self._end({id(joint)})
        parts = [replace(joint, box=part, velocity=joint.velocity.copy()) for part in seam.cut(joint.box)]
        for part in parts:
            self._confirm(part)
        self._tracks += parts
        first, second = parts
        self._divided.add(first.track_id, second.track_id)
        return first.track_id, second.track_id

    def forget(self) -> None:
        """End all tracks; ids go on counting, so that none is given twice in a run."""
        self._newest = None
        self._end(set(map(id, self._tracks)))

    def _known(self, now_s: float) -> Known:
        """Return where the tracks should be that count, and were seen a moment ago."""
        fresh = [track for track in self._tracks if track.confirmed and now_s - track.seen_s <= self._settings.fresh_s]
        return _as_known([(track, track.predicted(now_s)) for track in fresh])

    def _end(self, ended: set[int]) -> None:
        if ended:
            self._tracks = [track for track in self._tracks if id(track) not in ended]
            self._touching.forget(frozenset(track.track_id for track in self._tracks if track.confirmed))

    def _associate(self, detections: Detections, now_s: float) -> list[tuple[_Track, int]]:
        """Return pairs of a track and a row, best overlap first, each used once; confirmed tracks choose first."""
        if not self._tracks or not len(detections):
            return []
        boxes = detections.xyxy
        predicted = np.stack([track.predicted(now_s) for track in self._tracks])
        last = np.stack([track.box for track in self._tracks])
        confirmed = np.array([[1.0 if track.confirmed else 0.0] for track in self._tracks])
        # Where a track should be comes before where it was: else, when the belt moves by a parcel's length between two
        # frames, each would take the place of the one ahead. Where it was helps only those that nothing else explains.
        least = self._settings.least_iou
        by_motion, by_place = iou_matrix(predicted, boxes), iou_matrix(last, boxes)
        overlap = np.where(by_motion >= least, by_motion + 2.0, np.where(by_place >= least, by_place, 0.0))
        preference = overlap + 4.0 * confirmed
        pairs: list[tuple[_Track, int]] = []
        used_tracks: set[int] = set()
        used_rows: set[int] = set()
        near = np.flatnonzero(overlap >= least)  # of hundreds of objects each has a few neighbours
        for flat in near[np.argsort(-preference.ravel()[near], kind="stable")].tolist():
            index, row = divmod(flat, len(detections))
            if index in used_tracks or row in used_rows:
                continue
            used_tracks.add(index)
            used_rows.add(row)
            pairs.append((self._tracks[index], row))
        return pairs

    def _continue(self, track: _Track, detections: Detections, row: int, now_s: float) -> None:
        box = detections.xyxy[row]
        elapsed_s = now_s - track.seen_s
        if elapsed_s > 0:
            measured = (_centre(box) - _centre(track.box)) / elapsed_s
            gain = self._settings.gain if track.hits > 1 else 1.0
            track.velocity = (track.velocity + gain * (measured - track.velocity)).astype(np.float32)
        track.box = box
        track.class_id = int(detections.class_id[row])
        track.score += self._settings.gain * (float(detections.score[row]) - track.score)
        track.seen_s = now_s
        track.hits += 1
        if not track.confirmed and track.hits >= self._settings.minimum_consecutive_frames:
            self._confirm(track)

    def _begin(self, detections: Detections, row: int, now_s: float) -> _Track:
        track = _Track(
            track_id=0,
            box=detections.xyxy[row],
            velocity=np.zeros(2, np.float32),
            class_id=int(detections.class_id[row]),
            score=float(detections.score[row]),
            seen_s=now_s,
            hits=1,
            confirmed=False,
        )
        if self._settings.minimum_consecutive_frames <= 1:
            self._confirm(track)
        self._tracks.append(track)
        return track

    def _confirm(self, track: _Track) -> None:
        self._born += 1
        track.track_id, track.confirmed = self._born, True

    def _without_twins(self, rows: dict[int, _Track]) -> dict[int, _Track]:
        """End the younger of two tracks that lie on one parcel: a part of it was once taken for another one."""
        if not rows:
            return rows
        eldest = sorted(rows.items(), key=lambda entry: -entry[1].hits)
        boxes = np.stack([track.box for _, track in eldest])
        twins = overlap_matrix(boxes, boxes) > self._settings.twin_share
        kept: list[int] = []
        for place in range(len(eldest)):
            if not twins[place, kept].any():
                kept.append(place)
        self._end({id(track) for _, track in eldest} - {id(eldest[place][1]) for place in kept})
        return dict(eldest[place] for place in kept)

    def _end_false_starts(self, seen: set[int]) -> None:
        """A track that was not seen in each of its first frames was none."""
        self._end({id(track) for track in self._tracks if not track.confirmed and id(track) not in seen})


def _as_known(placed: Sequence[tuple[_Track, NDArray[np.float32]]]) -> Known:
    detections = Detections(
        np.array([box for _, box in placed], np.float32).reshape(-1, 4),
        np.array([track.score for track, _ in placed], np.float32),
        np.array([track.class_id for track, _ in placed], np.int32),
    )
    return Known(tuple(track.track_id for track, _ in placed), detections)


def _lies_in(box: NDArray[np.float32], others: Sequence[NDArray[np.float32]], share: float) -> bool:
    """Whether a box (4,) has more than a share of the smaller one in common with any other box."""
    return bool(others) and bool((overlap_matrix(box[None], np.stack(others)) > share).any())


def _centre(box: NDArray[np.float32]) -> NDArray[np.float32]:
    return ((box[:2] + box[2:]) / 2).astype(np.float32)
