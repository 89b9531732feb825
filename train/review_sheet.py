"""A sheet of pictures with a teacher's boxes drawn in, least sure first: one HTML file that needs nothing else."""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge.evaluate.labels import Box
from edge.model.picture import read_picture

_LONG_SIDE = 420
_SURE, _DOUBT = (60, 190, 60), (0, 150, 255)  # BGR
_STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 82rem; padding: 0 1rem; color: #222 }
.sheet { display: flex; flex-wrap: wrap; gap: 1rem } figure { margin: 0; max-width: 420px } img { display: block }
figcaption { font-size: 12px; overflow-wrap: anywhere } .sure { color: #1c7c1c } .doubt { color: #b36200 }
"""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A detection: its class, its box as shares of the picture (cxcywh), and how sure the teacher is, 0 to 1."""

    class_name: str
    cxcywh: Box
    score: float


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A picture, what the teacher is sure of in it and what not, and whether it was left out for that."""

    picture: Path
    sure: tuple[Doubt, ...]
    doubts: tuple[Doubt, ...]
    left_out: bool

    @property
    def least(self) -> float:
        """The score of the weakest label; 1 where there is none."""
        return min((one.score for one in self.sure), default=1.0)


def write_review_sheet(path: Path, reviewed: Sequence[Reviewed], most: int) -> None:
    """Write a review sheet.

    Args:
        path: The HTML file.
        reviewed: In any order.
        most: Most pictures to show of those that were labelled, and a quarter as many of those left out.

    Raises:
        EdgekitError: A picture cannot be read.
        OSError: The file cannot be written.
    """
    labelled = sorted((one for one in reviewed if not one.left_out), key=lambda one: (one.least, one.picture))
    left_out = sorted((one for one in reviewed if one.left_out), key=lambda one: (-len(one.doubts), one.picture))
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Review</title>",
        f"<style>{_STYLE}</style></head>",
        "<body><h1>Pseudo-labels, least sure first</h1><p><span class='sure'>Green</span> became labels, ",
        "<span class='doubt'>orange</span> lies between the gates and is none.</p>",
        *_section(f"{len(labelled)} pictures labelled", labelled[:most]),
        *_section(f"{len(left_out)} pictures left out: too much in doubt", left_out[: most // 4]),
        "</body></html>",
    ]
    path.write_text("\n".join(parts), encoding="utf-8")


def _section(title: str, reviewed: Sequence[Reviewed]) -> list[str]:
    return [f"<h2>{title}</h2><div class='sheet'>", *(_figure(one) for one in reviewed), "</div>"]


def _figure(one: Reviewed) -> str:
    picture = read_picture(one.picture)
    scale = min(1.0, _LONG_SIDE / max(picture.shape[:2]))
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    for colour, boxes in ((_DOUBT, one.doubts), (_SURE, one.sure)):
        for box in boxes:
            x, y, width, height = box.cxcywh
            corners = ((x - width / 2, y - height / 2), (x + width / 2, y + height / 2))
            start, end = ((round(a * size[0]), round(b * size[1])) for a, b in corners)
            cv2.rectangle(small, start, end, colour, 2)
            where = (start[0] + 2, start[1] + 12)
            cv2.putText(small, f"{box.score:.2f}", where, cv2.FONT_HERSHEY_SIMPLEX, 0.38, colour, 1, cv2.LINE_AA)
    coded = base64.b64encode(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 82])[1].tobytes()).decode()
    names = ", ".join(sorted({box.class_name for box in one.sure}))
    told = f"{len(one.sure)} labels ({names}), least {one.least:.2f}" if one.sure else "no label"
    told += f"; {len(one.doubts)} in doubt" if one.doubts else ""
    caption = html.escape(f"{one.picture.name}: {told}")
    return f"<figure><img src='data:image/jpeg;base64,{coded}' alt=''><figcaption>{caption}</figcaption></figure>"
