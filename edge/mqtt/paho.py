"""What both sides make of paho: a client for the broker of the settings, and the broker's reasons in words."""

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.mqtt.login import read_login
from edge.mqtt.section import Mqtt
from edge.mqtt.tls import tls_context
from edge.printable import printable

_VERSIONS = {"5": MQTTProtocolVersion.MQTTv5, "3.1.1": MQTTProtocolVersion.MQTTv311}


def new_client(settings: Mqtt, client_id: str, *, comes_back: bool) -> Client:
    """Return a client that is not connected yet and starts each session clean.

    Args:
        settings: The broker, how to log in, and which version of the protocol to speak.
        client_id: Of the client.
        comes_back: Whether paho makes a lost connection anew.

    Raises:
        EdgekitError: A file of the settings cannot be used.
    """
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        protocol=_VERSIONS[settings.protocol],
        reconnect_on_failure=comes_back,
    )
    login = read_login(settings)
    if login is not None:
        client.username_pw_set(login.username, login.password)
    if settings.tls is not None:
        client.tls_set_context(tls_context(settings.tls))
    return client


def no_larger_than(settings: Mqtt, packet_bytes: int) -> Properties | None:
    """Return what asks a broker at CONNECT to keep back packets that are larger; MQTT 3.1.1 cannot ask for it."""
    if settings.protocol != "5":
        return None
    asked = Properties(PacketTypes.CONNECT)
    asked.MaximumPacketSize = packet_bytes
    return asked


def reason_text(reason: ReasonCode, properties: Properties | None = None) -> str:
    """Return a reason with its code as MQTT 5 numbers it, and in quotes what the broker says of it itself.

    paho gives the return codes of MQTT 3.1.1 as those of MQTT 5 too.
    """
    own = getattr(properties, "ReasonString", None)
    return f"{reason} 0x{reason.value:02x}" + (f" {printable(own)!r}" if own else "")
