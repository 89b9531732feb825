"""Commands `teach` and `undo_teach`: a product from 1 to 8 live pictures into the gallery in use, and out again."""

import time
from collections.abc import Mapping
from datetime import datetime, timezone

import numpy as np
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.model.detections import Detections
from edge.model.overlay import Overlay, Teaching, encoded
from edge.model.teaching import MOST_PICTURES
from edge.mqtt.command_messages import CommandMessage, Result
from edge.runtime.classifier_in_use import ClassifierInUse
from edge.runtime.classifying import Classifying
from edge.runtime.model_in_use import ModelInUse
from edge.tags.crops import cut_box
from edge.tags.reading import PRINTED
from edge.video.feed import CameraFeed
from edge.video.frame import Frame

_APART_S = 0.3  # two pictures that are nearer show the same
_WAIT_S = 3.0  # for the next picture

Embedding = NDArray[np.float32]


class Teacher:
    """Teaches products. Used by one thread.

    Args:
        classifiers: Of the box, whose gallery is taught; None where it has none.
        models: Find the product in a picture.
        feeds: By camera.
    """

    def __init__(
        self, classifiers: ClassifierInUse | None, models: ModelInUse, feeds: Mapping[str, CameraFeed]
    ) -> None:
        self._classifiers = classifiers
        self._models = models
        self._feeds = feeds

    def teach(self, command: CommandMessage) -> Result:
        """Add what a camera shows now to the gallery as a product.

        Raises:
            EdgekitError: It cannot be taught: no picture, nothing in it, not one thing, or not to be told from another.
        """
        product, feed = command.product, self._feeds.get(command.camera or "")
        if product is None or feed is None:
            raise EdgekitError(f"teach needs a product, and a camera of {', '.join(self._feeds)}")
        classifying, overlay = self._taught()
        wanted = command.snapshots or 1
        before = overlay.pictures_of(product)
        if before + wanted > MOST_PICTURES:
            raise EdgekitError(
                f"{product} was taught from {before} pictures already: more than {MOST_PICTURES} belong into a training"
            )
        rows = [self._embedding(classifying, frame) for frame in _frames(feed, wanted)]
        teaching = Teaching(
            id=command.id,
            client=command.client,
            at=datetime.now(timezone.utc),
            product=product,
            pictures=len(rows),
            rows=encoded(rows),
        )
        taught = overlay.with_teaching(teaching)
        _check(rows, product, taught, classifying)
        taught.save()
        classifying.gallery.use(taught)
        return {"product": product, "pictures": before + len(rows), "gallery": taught.digest}

    def undo(self, command: CommandMessage) -> Result:
        """Take the last teaching back, or the last of a product.

        Raises:
            EdgekitError: There is none.
        """
        classifying, overlay = self._taught()
        rest, gone = overlay.without_last(command.product)
        rest.save()
        classifying.gallery.use(rest)
        return {"product": gone.product, "pictures": gone.pictures, "gallery": rest.digest}

    def _taught(self) -> tuple[Classifying, Overlay]:
        """Return the classifier, and all that was taught, as it is on disk: an exchanged classifier may have added."""
        classifying = self._classifiers.current if self._classifiers is not None else None
        overlay = classifying.gallery.overlay if classifying is not None else None
        if classifying is None or overlay is None:
            raise EdgekitError("nothing can be taught here: name a folder for it with taught in [classifier]")
        return classifying, Overlay.open(overlay.folder, overlay.embedder, classifying.bundle.manifest.embedding)

    def _embedding(self, classifying: Classifying, frame: Frame) -> Embedding:
        """Return the embedding of the thing nearest to the middle of a picture.

        Raises:
            EdgekitError: There is nothing.
        """
        model = self._models.current
        found = model.detect(frame.image)
        asked = classifying.use.classes
        rows = [
            row
            for row, number in enumerate(found.class_id)
            if (model.classes[int(number)] in asked if asked else model.classes[int(number)] not in PRINTED)
        ]
        left, top, right, bottom = (float(edge) for edge in _nearest(found, rows, frame))
        crop = cut_box(frame.image, (left, top, right, bottom))
        if crop is None:
            raise EdgekitError(f"what camera {frame.camera} shows is too small to be told apart: bring it nearer")
        return classifying.classifier.classify(crop).embedding


def _nearest(found: Detections, rows: list[int], frame: Frame) -> NDArray[np.float32]:
    if not rows:
        raise EdgekitError(
            f"camera {frame.camera} shows nothing that the detector finds: hold the product into its middle"
        )
    boxes = found.xyxy[rows]
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2 - np.array([frame.width / 2, frame.height / 2], np.float32)
    return boxes[int(np.hypot(middles[:, 0], middles[:, 1]).argmin())]


def _frames(feed: CameraFeed, count: int) -> list[Frame]:
    """Return as many pictures of a camera, each some time after the one before; the first is its newest.

    Raises:
        EdgekitError: So many do not come.
    """
    frames: list[Frame] = []
    due_s = time.monotonic() + _WAIT_S
    while len(frames) < count:
        newest = feed.newest
        if newest is not None and (not frames or newest.arrived_s - frames[-1].arrived_s >= _APART_S):
            frames.append(newest)
            due_s = time.monotonic() + _WAIT_S
        elif time.monotonic() > due_s:
            raise EdgekitError(
                f"camera {feed.camera.name} gave {len(frames)} of {count} pictures: it shows nothing now"
            )
        else:
            time.sleep(0.02)
    return frames


def _check(rows: list[Embedding], product: str, taught: Overlay, classifying: Classifying) -> None:
    """Check that pictures show one thing, which the gallery then tells from all others.

    Raises:
        EdgekitError: They do not, or it would not.
    """
    gallery = classifying.gallery.with_overlay(taught)
    stacked = np.stack(rows)
    alike = float((stacked @ stacked.T).min())
    if alike < gallery.record.threshold:
        raise EdgekitError(
            f"the pictures do not show one product: two of them are alike by {alike:.2f}, less than "
            f"{gallery.record.threshold:.2f}; keep other things away from the middle"
        )
    for row in rows:
        match = gallery.search(row)
        if match is None or match.name != product:
            similar = dict(zip(gallery.names, map(float, gallery.similar(row)), strict=True))
            rival = max((name for name in similar if name != product), key=lambda name: similar[name])
            raise EdgekitError(
                f"{product} would not be told from {rival}, which it is alike by {similar[rival]:.2f}: "
                "show another side of it, or train"
            )
