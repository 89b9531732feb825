"""What a decoder's brightness and two colour differences stand for as blue, green and red."""

import numpy as np
from numpy.typing import NDArray

# Shares of red and of blue in brightness, by AVColorSpace. Source: ITU-R BT.601-7 section 2.5.1, BT.709-6 item 3.2,
# BT.2020-2 table 4. Where a stream says nothing (2), FFmpeg's scaler takes it for BT.601, and so must we.
_SHARES = {2: (0.299, 0.114), 5: (0.299, 0.114), 6: (0.299, 0.114), 1: (0.2126, 0.0722), 9: (0.2627, 0.0593)}
_FULL_RANGE = 2  # AVCOL_RANGE_JPEG


def bgr_matrix(colour_space: int, colour_range: int, *, full_range: bool) -> NDArray[np.float64] | None:
    """Return the matrix (3, 4) that makes BGR of (Y, U, V, 1), all of 0 to 255; None for colours that it does not know.

    Args:
        colour_space: FFmpeg's AVColorSpace.
        colour_range: FFmpeg's AVColorRange.
        full_range: Whether the format itself says that 0 is black and 255 white.
    """
    shares = _SHARES.get(colour_space)
    if shares is None:
        return None
    red, blue = shares
    green = 1 - red - blue
    full = full_range or colour_range == _FULL_RANGE
    by_brightness, by_difference, black = (1.0, 1.0, 0.0) if full else (255 / 219, 255 / 224, 16.0)
    of_u, of_v = 2 * (1 - blue) * by_difference, 2 * (1 - red) * by_difference
    matrix = np.array(
        [
            [by_brightness, of_u, 0],
            [by_brightness, -of_u * blue / green, -of_v * red / green],
            [by_brightness, 0, of_v],
        ]
    )
    return np.concatenate([matrix, -matrix @ np.array([[black], [128.0], [128.0]])], axis=1)
