"""From a head's raw predictions to detections: threshold, NMS where the head needs it, back to frame pixels."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.model.detections import Detections
from edge.model.engine import Outputs
from edge.model.geometry import Letterbox
from edge.model.manifest import Head
from edge.model.masks import masks_from_prototypes

MOST_CANDIDATES = 3000  # before NMS, best first: bounds its cost on a picture full of noise
MOST_DETECTIONS = 300
TOPK_COLUMNS = 6

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Decoder:
    """Decodes the predictions of one head.

    Attributes:
        head: `yolo-grid`: (1, 4 + classes, N), cxcywh in input pixels and scores after sigmoid;
            `yolo-topk`: (1, K, 6), xyxy in input pixels, score, class id;
            with `-seg` each row has P mask coefficients behind, and a second output holds prototypes (1, P, rows,
            columns) that lie over the whole input.
        classes: Number of classes.
        score_threshold: Rows below it are dropped, 0 to 1.
        nms_iou: Of two boxes of a class that overlap by more, the better stays; `yolo-grid` only.
    """

    head: Head
    classes: int
    score_threshold: float
    nms_iou: float

    @property
    def _on_grid(self) -> bool:
        return self.head in ("yolo-grid", "yolo-grid-seg")

    @property
    def _with_masks(self) -> bool:
        return self.head in ("yolo-grid-seg", "yolo-topk-seg")

    @property
    def _fixed_columns(self) -> int:
        """Values of a row before its mask coefficients."""
        return 4 + self.classes if self._on_grid else TOPK_COLUMNS

    def outputs_fit(self, shapes: tuple[Shape, ...]) -> bool:
        """Whether outputs of these shapes can be from this head."""
        match shapes:
            case ((1, columns, _),) if self._on_grid and not self._with_masks:
                return columns == self._fixed_columns
            case ((1, _, columns),) if not self._on_grid and not self._with_masks:
                return columns == self._fixed_columns
            case ((1, columns, _), (1, prototypes, _, _)) if self._on_grid and self._with_masks:
                return columns == self._fixed_columns + prototypes
            case ((1, _, columns), (1, prototypes, _, _)) if not self._on_grid and self._with_masks:
                return columns == self._fixed_columns + prototypes
            case _:
                return False

    def decode(self, outputs: Outputs, letterbox: Letterbox) -> Detections:
        """Return what the predictions say, best first, in pixels of the frame.

        Args:
            outputs: The head's, see `head`.
            letterbox: How the frame lay in the input.
        """
        rows = self._from_grid(outputs[0]) if self._on_grid else self._from_top_k(outputs[0])
        boxes = letterbox.to_frame(rows.xyxy)
        # What lies in the padding, or is thinner than a pixel, is nothing that a camera saw.
        seen = (boxes[:, 2] - boxes[:, 0] >= 1) & (boxes[:, 3] - boxes[:, 1] >= 1)
        boxes = boxes[seen]
        masks = None
        if self._with_masks:
            masks = masks_from_prototypes(rows.coefficients[seen], outputs[1][0], boxes, letterbox)
        return Detections(boxes, rows.score[seen], rows.class_id[seen], masks)

    def _from_top_k(self, raw: NDArray[np.float32]) -> "_Rows":
        rows = raw[0]
        rows = rows[rows[:, 4] >= self.score_threshold]
        rows = rows[np.argsort(-rows[:, 4], kind="stable")]
        return _Rows(rows[:, :4].copy(), rows[:, 4].copy(), rows[:, 5].astype(np.int32), rows[:, TOPK_COLUMNS:])

    def _from_grid(self, raw: NDArray[np.float32]) -> "_Rows":
        # The head has a sigmoid for each class, so that a candidate may be of several; a weaker one is no less true.
        scores = raw[0, 4 : self._fixed_columns]
        # numpy finds what is true in one dimension twenty times faster than in two.
        classes, columns = np.divmod(np.flatnonzero(scores >= self.score_threshold), scores.shape[1])
        best = np.argsort(-scores[classes, columns], kind="stable")[:MOST_CANDIDATES]
        classes, columns = classes[best], columns[best]
        centre, half = raw[0, :2, columns], raw[0, 2:4, columns] / 2
        xyxy = np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)
        score, class_id = scores[classes, columns], classes.astype(np.int32)
        keep = _best_without_overlap(xyxy, score, class_id, self.nms_iou)
        return _Rows(xyxy[keep], score[keep], class_id[keep], raw[0, self._fixed_columns :, columns[keep]])


@dataclass(frozen=True, slots=True)
class _Rows:
    """What a head says, best first: boxes (N, 4) in input pixels, scores, classes, mask coefficients (N, P or 0)."""

    xyxy: NDArray[np.float32]
    score: NDArray[np.float32]
    class_id: NDArray[np.int32]
    coefficients: NDArray[np.float32]


def _best_without_overlap(
    xyxy: NDArray[np.float32], score: NDArray[np.float32], class_id: NDArray[np.int32], iou: float
) -> NDArray[np.intp]:
    """Return the rows that NMS keeps within each class, best first."""
    if not len(score):
        return np.zeros(0, np.intp)
    xywh = np.concatenate([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]], axis=1)
    kept = cv2.dnn.NMSBoxesBatched(
        xywh.astype(np.float64).tolist(), score.tolist(), class_id.tolist(), score_threshold=0.0, nms_threshold=iou
    )
    rows = np.array(kept, np.intp).reshape(-1)
    return rows[np.argsort(-score[rows], kind="stable")][:MOST_DETECTIONS]
