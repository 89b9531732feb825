"""What is larger than anything that a box has to hear does not come to it, whoever sends it."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from edge.mqtt.link import Link, Received
from edge.mqtt.section import Mqtt

TOPIC = "edgekit/v1/hall/box-1/cmd/ping"


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_message_larger_than_any_reply_is_passed_over_and_the_next_is_heard(
    mosquitto: Any, subscribe: Callable[..., Any], eventually: Callable[..., None], protocol: str
) -> None:
    heard: list[bytes] = []
    granted: list[bool] = []

    def post(signal: object) -> None:
        if isinstance(signal, Received):
            heard.append(signal.payload)

    sender = subscribe(mosquitto.port, "nothing")
    settings = Mqtt(port=mosquitto.port, protocol="5" if protocol == "5" else "3.1.1")
    with closing(Link.open(settings, "edgekit.hall.box-1", None, post)) as link:
        link.subscribe(TOPIC, lambda: granted.append(True))
        eventually(lambda: granted)
        sender.publish(TOPIC, b"x" * 3_000_000)
        sender.publish(TOPIC, b"a reply with its picture" + b"x" * 400_000)
        eventually(lambda: heard)
        assert [len(payload) for payload in heard] == [400_024]
