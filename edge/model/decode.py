"""From a head's raw predictions to detections: threshold, NMS where the head needs it, back to frame pixels."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.model.detections import Detections
from edge.model.geometry import Letterbox
from edge.model.manifest import Head

MOST_CANDIDATES = 3000  # before NMS, best first: bounds its cost on a picture full of noise
MOST_DETECTIONS = 300
TOPK_COLUMNS = 6


@dataclass(frozen=True, slots=True)
class Decoder:
    """Decodes the predictions of one head.

    Attributes:
        head: `yolo-grid`: (1, 4 + classes, N), cxcywh in input pixels and scores after sigmoid;
            `yolo-topk`: (1, K, 6), xyxy in input pixels, score, class id.
        classes: Number of classes.
        score_threshold: Rows below it are dropped, 0 to 1.
        nms_iou: Of two boxes of a class that overlap by more, the better stays; `yolo-grid` only.
    """

    head: Head
    classes: int
    score_threshold: float
    nms_iou: float

    def output_fits(self, shape: tuple[int, ...]) -> bool:
        """Whether an output of this shape can be from this head."""
        match self.head:
            case "yolo-grid":
                return len(shape) == 3 and shape[0] == 1 and shape[1] == 4 + self.classes  # noqa: PLR2004 - rank, cxcywh
            case "yolo-topk":
                return len(shape) == 3 and shape[0] == 1 and shape[2] == TOPK_COLUMNS  # noqa: PLR2004 - rank

    def decode(self, raw: NDArray[np.float32], letterbox: Letterbox) -> Detections:
        """Return what the predictions say, best first, in pixels of the frame.

        Args:
            raw: The head's output, see `head`.
            letterbox: How the frame lay in the input.
        """
        xyxy, score, class_id = self._rows(raw)
        if self.head == "yolo-grid" and len(score):
            keep = _best_without_overlap(xyxy, score, class_id, self.nms_iou)
            xyxy, score, class_id = xyxy[keep], score[keep], class_id[keep]
        boxes = letterbox.to_frame(xyxy)
        # What lies in the padding, or is thinner than a pixel, is nothing that a camera saw.
        seen = (boxes[:, 2] - boxes[:, 0] >= 1) & (boxes[:, 3] - boxes[:, 1] >= 1)
        return Detections(boxes[seen], score[seen], class_id[seen])

    def _rows(self, raw: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]:
        """Return boxes xyxy, scores and classes of the rows above the threshold, best first."""
        if self.head == "yolo-topk":
            rows = raw[0]
            rows = rows[rows[:, 4] >= self.score_threshold]
            rows = rows[np.argsort(-rows[:, 4], kind="stable")]
            return rows[:, :4].copy(), rows[:, 4].copy(), rows[:, 5].astype(np.int32)
        # The head has a sigmoid for each class, so that a candidate may be of several; a weaker one is no less true.
        scores = raw[0, 4:]
        classes, columns = np.nonzero(scores >= self.score_threshold)
        best = np.argsort(-scores[classes, columns], kind="stable")[:MOST_CANDIDATES]
        classes, columns = classes[best], columns[best]
        centre, half = raw[0, :2, columns], raw[0, 2:4, columns] / 2
        xyxy = np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)
        return xyxy, scores[classes, columns], classes.astype(np.int32)


def _best_without_overlap(
    xyxy: NDArray[np.float32], score: NDArray[np.float32], class_id: NDArray[np.int32], iou: float
) -> NDArray[np.intp]:
    """Return the rows that NMS keeps within each class, best first."""
    xywh = np.concatenate([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]], axis=1)
    kept = cv2.dnn.NMSBoxesBatched(
        xywh.astype(np.float64).tolist(), score.tolist(), class_id.tolist(), score_threshold=0.0, nms_threshold=iou
    )
    rows = np.array(kept, np.intp).reshape(-1)
    return rows[np.argsort(-score[rows], kind="stable")][:MOST_DETECTIONS]
