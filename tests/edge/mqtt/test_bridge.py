"""The example of a bridge passes a site's topics on to a cluster and back, over a broken line: two real mosquittos."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.mqtt.topics import Topics

EXAMPLE = Path(__file__).parents[3] / "systemd" / "mosquitto-bridge.conf.example"
LINE1 = Topics("hamburg", "line1")
Make = Callable[..., Any]


def bridge_to(port: int) -> list[str]:
    """Return the example's lines, but for address and login of the cluster."""
    lines = [line for line in EXAMPLE.read_text().splitlines() if line and not line.startswith("#")]
    there = [line for line in lines if not line.startswith(("address", "remote_username", "remote_password"))]
    there.remove("bridge_cafile /etc/mosquitto/cluster-ca.pem")
    there.insert(1, f"address 127.0.0.1:{port}")
    return there


def test_events_reach_the_cluster_once_and_acknowledgements_and_commands_come_back(
    make_broker: Make, subscribe: Make, eventually: Make
):
    cluster = make_broker("cluster")
    site = make_broker("site", *bridge_to(cluster.port))
    there, here = subscribe(cluster.port, "#"), subscribe(site.port, "#")
    eventually(lambda: there.on("edgekit/bridge/hamburg"), 20)

    def passes(sender: Any, receiver: Any, topic: str, payload: bytes) -> None:
        sender.publish(topic, payload)
        eventually(lambda: [message.payload for message in receiver.on(topic)] == [payload])

    passes(here, there, LINE1.events("belt"), b"1")
    passes(here, there, LINE1.status, b"online")
    passes(here, there, LINE1.reply("ping", "operations"), b"pong")
    passes(there, here, LINE1.acknowledgement("archive", "belt"), b"7")
    passes(there, here, LINE1.command("ping"), b"{}")
    # What is not the cluster's to say does not come, nor another site's; what came never goes round.
    there.publish(LINE1.status, b"forged")
    there.publish(Topics("bremen", "line1").command("ping"), b"{}")
    there.publish(LINE1.command("pause"), b"{}")
    eventually(lambda: here.on(LINE1.command("pause")))
    assert [message.payload for message in here.on(LINE1.status)] == [b"online"]
    assert not here.on(Topics("bremen", "line1").command("ping"))
    assert len(here.on(LINE1.command("pause"))) == len(there.on(LINE1.command("pause"))) == 1


def test_what_a_site_says_while_the_line_is_down_arrives_when_it_is_back_in_order(
    make_broker: Make, subscribe: Make, eventually: Make
):
    cluster = make_broker("cluster")
    site = make_broker("site", *bridge_to(cluster.port))
    here = subscribe(site.port, "#")
    first = subscribe(cluster.port, LINE1.events("belt"))
    here.publish(LINE1.events("belt"), b"0")
    eventually(lambda: first.on(LINE1.events("belt")), 20)
    cluster.stop()
    for number in range(1, 51):
        here.publish(LINE1.events("belt"), str(number).encode())
    cluster.start()

    def heard() -> list[int]:
        return [int(message.payload) for message in first.on(LINE1.events("belt"))]

    eventually(lambda: len(set(heard())) == 51, 60)
    assert list(dict.fromkeys(heard())) == list(range(51))
