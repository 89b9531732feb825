"""From packets to pictures, and to fewer of them while a scene rests."""

import heapq
from collections.abc import Callable

import av

Resting = Callable[[], bool]
_MOST_DUE = 256  # more than any decoder holds back; what is older never comes


def never() -> bool:
    """Say that a scene does not rest."""
    return False


class Decoding:
    """Decodes one stream. While its scene rests, pictures on which no other depends are not decoded at all.

    Such are the B-frames of files and the upper layers of cameras that code in layers; other cameras have none. A
    scene that begins to move is seen in the next picture that others depend on, a few frames later at most.

    Args:
        stream: Whose packets come.
        resting: Asked before each packet whether the scene rests.
    """

    def __init__(self, stream: av.VideoStream, resting: Resting = never) -> None:
        self._context = stream.codec_context
        self._resting = resting
        self._rests = False
        self._due: list[int] = []

    def decode(self, packet: "av.Packet[av.VideoStream]") -> list[av.VideoFrame]:
        """Return the pictures that a packet completes.

        Raises:
            av.error.FFmpegError: It is damaged.
        """
        rests = self._resting()
        if rests is not self._rests:
            self._rests = rests
            self._context.skip_frame = "NONREF" if rests else "DEFAULT"
        if rests and packet.pts is not None:
            heapq.heappush(self._due, packet.pts)
            if len(self._due) > _MOST_DUE:
                heapq.heappop(self._due)
        return packet.decode()

    def spared_before(self, picture: av.VideoFrame) -> int:
        """Return how many pictures were spared between the one before and this. Ask once for each."""
        before = 0
        while self._due and picture.pts is not None and self._due[0] <= picture.pts:
            before += heapq.heappop(self._due) < picture.pts
        return before
