"""What may get lost: it goes at QoS 0, past the queue, as far as the line takes it at once, since events share it."""

import fcntl
import sys
import termios
import threading
from collections import deque

from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import MQTTErrorCode

_MOST_OFFERED = 8
_MOST_UNSENT_BYTES = 65_536


class Offers:
    """The offers over one connection; may be made from any thread.

    Args:
        client: Of the connection.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._offering = threading.Lock()
        self._offered: deque[MQTTMessageInfo] = deque()

    def make(self, topic: str, payload: bytes) -> bool:
        """Send a message unless too much waits on the line already; return whether it was sent."""
        with self._offering:
            while self._offered and self._offered[0].is_published():
                self._offered.popleft()
            if len(self._offered) >= _MOST_OFFERED or self._unsent_bytes() > _MOST_UNSENT_BYTES:
                return False
            info = self._client.publish(topic, payload, qos=0)
            if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return False
            self._offered.append(info)
            return True

    def _unsent_bytes(self) -> int:
        """Return what the system holds and the other side has not confirmed; without a connection it is too much."""
        opened = self._client.socket()
        try:
            waiting = fcntl.ioctl(opened, termios.TIOCOUTQ, bytes(4)) if opened is not None else None
        except (OSError, ValueError):  # it was closed just now
            waiting = None
        return _MOST_UNSENT_BYTES + 1 if waiting is None else int.from_bytes(waiting, sys.byteorder)
