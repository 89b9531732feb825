"""The bench's subscriber: when each frame's and each event's message came, against when its frame was captured."""

import json
import threading
from collections import Counter
from datetime import datetime, timezone
from types import TracebackType
from typing import Any, final

from paho.mqtt.client import Client, MQTTMessage

from devices.errors import EdgekitError
from edge.bench.plan import BOX, SITE
from edge.mqtt.paho import new_client
from edge.mqtt.section import Mqtt
from edge.mqtt.topics import Topics

_CONNECT_S = 5.0
_WARM_UP_S = 1.0  # of each camera: its first frames wait for engines to settle


@final
class Ear:
    """Listens to the bench's box, as a context manager.

    Times are the host's, of both sides; a file's frame is captured when it is due by the clip's own speed.

    Args:
        broker: (host, port).

    Attributes:
        frames_ms: Milliseconds from capture to here, of each frame after the warm-up.
        events_ms: The same of events that a frame decided.
        events_stages_ms: By stage, what their frames spent there; `publish` is from the box's word to here.
        first_s: UTC seconds at which the first frame's message came; None before.
        drops: Frames that were not looked at, by cause, as the cameras' last statuses told.
    """

    def __init__(self, broker: tuple[str, int]) -> None:
        self._broker = broker
        self._topics = Topics(SITE, BOX)
        self._began: dict[str, float] = {}
        self._heard_s: dict[str, list[float]] = {}
        self._drops: dict[str, dict[str, int]] = {}
        self._subscribed = threading.Event()
        self.frames_ms: list[float] = []
        self.events_ms: list[float] = []
        self.events_stages_ms: dict[str, list[float]] = {}
        self.first_s: float | None = None
        self._client = new_client(Mqtt(host=broker[0], port=broker[1]), "edgekit.bench.ear", comes_back=False)
        self._client.on_connect = self._connected
        self._client.on_subscribe = self._is_subscribed
        self._client.on_message = self._heard
        self._client.on_disconnect = self._lost
        self._left = False
        self.lost = False

    @property
    def drops(self) -> dict[str, int]:
        """Frames that were not looked at, by cause, over all cameras."""
        total: Counter[str] = Counter()
        for causes in self._drops.values():
            total.update(causes)
        return {cause: count for cause, count in sorted(total.items()) if count}

    @property
    def frames_per_second(self) -> float:
        """Frames a second after the warm-up, over all cameras."""
        times = [heard for heard in self._heard_s.values() if len(heard) > 1]
        return sum((len(heard) - 1) / (heard[-1] - heard[0]) for heard in times)

    def __enter__(self) -> "Ear":
        """Connect and subscribe.

        Raises:
            EdgekitError: The broker does not answer in time.
        """
        host, port = self._broker
        try:
            self._client.connect(host, port)
        except OSError as exc:
            raise EdgekitError(
                f"no broker answers at {host}:{port} ({exc}): leave --broker out for one of its own"
            ) from exc
        self._client.loop_start()
        if not self._subscribed.wait(_CONNECT_S):
            self._client.loop_stop()
            raise EdgekitError(f"the broker at {host}:{port} accepts no subscription: leave --broker out for its own")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        self._left = True
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(self, client: Client, *_details: Any) -> None:
        client.subscribe([(f"{self._topics.root}/cameras/#", 1)])

    def _is_subscribed(self, *_details: Any) -> None:
        self._subscribed.set()

    def _lost(self, *_details: Any) -> None:
        self.lost = not self._left

    def _heard(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        now_s = datetime.now(timezone.utc).timestamp()
        if not message.payload or message.retain:
            return
        content = json.loads(message.payload)
        match message.topic.rsplit("/", 1)[-1]:
            case "detections":
                self._frame(content["camera"], now_s, _seconds(content["captured_at"]["time"]))
            case "events" if content["frame"] is not None:
                self._event(content, now_s)
            case "status":
                self._drops[content["camera"]] = content["drops"]
            case _:
                pass

    def _event(self, event: dict[str, Any], now_s: float) -> None:
        self.events_ms.append((now_s - _seconds(event["captured_at"]["time"])) * 1000)
        publish_ms = (now_s - _seconds(event["published_at"])) * 1000
        for stage, spent_ms in {**event["latency_ms"]["stages"], "publish": publish_ms}.items():
            self.events_stages_ms.setdefault(stage, []).append(spent_ms)

    def _frame(self, camera: str, now_s: float, captured_s: float) -> None:
        if self.first_s is None:
            self.first_s = now_s
        if now_s - self._began.setdefault(camera, now_s) >= _WARM_UP_S:
            self.frames_ms.append((now_s - captured_s) * 1000)
            self._heard_s.setdefault(camera, []).append(now_s)


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp()
