"""Draws what was said of pictures below each of them, all on one sheet."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.demo.look import Look

_TILE_PX, _TEXT_PX = 190, 44
_MOST_COLUMNS = 6
_QUALITY = 85
_MOST_LETTERS = 28
_GREEN, _RED, _GREY = (70, 140, 30), (40, 40, 200), (110, 110, 110)


def save_looks(path: Path, looks: tuple[Look, ...], images: list[NDArray[np.uint8]]) -> None:
    """Write a sheet of pictures (H, W, 3) uint8 BGR: what is right in green, wrong in red, called unknown in grey.

    Raises:
        EdgekitError: It cannot be written.
    """
    tiles = [_tile(look, image) for look, image in zip(looks, images, strict=True)]
    columns = min(_MOST_COLUMNS, len(tiles))
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[begin : begin + columns]) for begin in range(0, len(tiles), columns)]
    options = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY] if path.suffix == ".jpg" else []
    content = cv2.imencode(path.suffix, np.vstack(rows), options)[1]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.tobytes())
    except OSError as exc:
        raise EdgekitError(f"cannot write the picture {path}: {exc.strerror}") from exc


def _tile(look: Look, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    tile = np.full((_TILE_PX + _TEXT_PX, _TILE_PX, 3), 255, np.uint8)
    scale = _TILE_PX / max(image.shape[:2])
    width, height = (max(1, round(scale * side)) for side in (image.shape[1], image.shape[0]))
    top, left = (_TILE_PX - height) // 2, (_TILE_PX - width) // 2
    tile[top : top + height, left : left + width] = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    said = f"{look.score:.2f} {look.told or 'unknown'}"
    colour = _GREEN if look.is_right else _RED if look.told else _GREY
    for line, text in enumerate((said, f"is {look.shown or 'nothing learnt'}")):
        place = (4, _TILE_PX + 16 + 18 * line)
        cv2.putText(
            tile,
            text[:_MOST_LETTERS],
            place,
            cv2.FONT_HERSHEY_SIMPLEX,
            0.38,
            _GREY if line else colour,
            1,
            cv2.LINE_AA,
        )
    return tile
