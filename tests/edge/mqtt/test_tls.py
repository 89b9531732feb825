"""A box speaks to its own broker alone, and shows who it is where the broker asks."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from devices.errors import EdgekitError
from edge.mqtt.consumer import Consumer
from edge.mqtt.inbox import Inbox
from edge.mqtt.pace import Pace
from edge.mqtt.section import Mqtt, Tls
from edge.mqtt.tls import tls_context
from edge.mqtt.topics import Topics

if TYPE_CHECKING:
    from tests.edge.conftest import Mosquitto
    from tests.edge.mqtt.conftest import MakeEvent, MakeOutbox, MakePublisher

    MakeMosquitto = Callable[..., Mosquitto]

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Identity:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates of brokers and boxes, for the length of a test."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._builder(self._name, self._key, days=1).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(certificate.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def sign(self, name: str, address: str = "127.0.0.1", *, days: int = 1) -> Identity:
        """Make an identity; a negative number of days makes one that has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(subject, key, days=days).add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False
        )
        identity = Identity(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        signed = builder.sign(self._key, hashes.SHA256())
        identity.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        identity.key.write_bytes(key.private_bytes(*form))
        return identity

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, days: int) -> x509.CertificateBuilder:
        now = datetime.now(timezone.utc)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 10 * DAY)
            .not_valid_after(now + days * DAY)
        )


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


def broker_lines(authority: Authority, broker: Identity, *, mutual: bool = False) -> tuple[str, ...]:
    lines = (f"cafile {authority.file}", f"certfile {broker.certificate}", f"keyfile {broker.key}")
    return (*lines, "require_certificate true") if mutual else lines


@pytest.mark.parametrize("mutual", [False, True])
def test_events_travel_encrypted_to_a_consumer(
    make_mosquitto: "MakeMosquitto",
    authority: Authority,
    tmp_path: Path,
    make_outbox: "MakeOutbox",
    make_event: "MakeEvent",
    make_publisher: "MakePublisher",
    eventually: Callable[..., None],
    mutual: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    broker = make_mosquitto(*broker_lines(authority, authority.sign("broker"), mutual=mutual))
    own = authority.sign("box") if mutual else None
    tls = Tls(ca_file=authority.file, certificate_file=own and own.certificate, key_file=own and own.key)
    settings = Mqtt(port=broker.port, tls=tls)
    outbox = make_outbox(consumers=("plc",))
    publisher = make_publisher(outbox, settings, pace=Pace(confirm_s=0.5))  # the consumer comes after the first sending
    publisher.start()
    outbox.commit([make_event()])
    publisher.notify()
    stop = threading.Event()

    def consume() -> None:
        with Inbox(tmp_path / "inbox.sqlite", lambda _connection, _event: None) as inbox:
            Consumer(settings, Topics("hall", "box-1"), "plc", inbox).run(stop)

    thread = threading.Thread(target=consume, daemon=True)
    thread.start()
    try:
        eventually(lambda: outbox.depth == 0, 20.0)
    finally:
        stop.set()
        thread.join(10)


def refused(settings: Mqtt, make_outbox: "MakeOutbox", make_publisher: "MakePublisher") -> str:
    with pytest.raises(EdgekitError) as caught:
        make_publisher(make_outbox(), settings).start()
    return str(caught.value)


def test_a_broker_that_another_authority_signed_is_refused(
    make_mosquitto: "MakeMosquitto",
    authority: Authority,
    tmp_path: Path,
    make_outbox: "MakeOutbox",
    make_publisher: "MakePublisher",
) -> None:
    broker = make_mosquitto(*broker_lines(authority, authority.sign("broker")))
    other = Authority(tmp_path, "other")
    told = refused(Mqtt(port=broker.port, tls=Tls(ca_file=other.file)), make_outbox, make_publisher)
    assert "is not accepted" in told
    assert "ca_file in [mqtt.tls]" in told


def test_a_certificate_for_another_host_is_refused(
    make_mosquitto: "MakeMosquitto", authority: Authority, make_outbox: "MakeOutbox", make_publisher: "MakePublisher"
) -> None:
    broker = make_mosquitto(*broker_lines(authority, authority.sign("broker", "127.0.0.2")))
    told = refused(Mqtt(port=broker.port, tls=Tls(ca_file=authority.file)), make_outbox, make_publisher)
    assert "IP address mismatch" in told


def test_an_expired_certificate_is_refused_and_the_clock_named(
    make_mosquitto: "MakeMosquitto", authority: Authority, make_outbox: "MakeOutbox", make_publisher: "MakePublisher"
) -> None:
    broker = make_mosquitto(*broker_lines(authority, authority.sign("broker", days=-1)))
    told = refused(Mqtt(port=broker.port, tls=Tls(ca_file=authority.file)), make_outbox, make_publisher)
    assert "certificate has expired" in told
    assert "clock" in told


def test_a_broker_that_asks_for_a_certificate_says_which_keys_are_missing(
    make_mosquitto: "MakeMosquitto", authority: Authority, make_outbox: "MakeOutbox", make_publisher: "MakePublisher"
) -> None:
    broker = make_mosquitto(*broker_lines(authority, authority.sign("broker"), mutual=True))
    told = refused(Mqtt(port=broker.port, tls=Tls(ca_file=authority.file)), make_outbox, make_publisher)
    assert "certificate_file and key_file" in told


def test_a_plain_broker_is_no_tls_broker(
    mosquitto: "Mosquitto", authority: Authority, make_outbox: "MakeOutbox", make_publisher: "MakePublisher"
) -> None:
    told = refused(Mqtt(port=mosquitto.port, tls=Tls(ca_file=authority.file)), make_outbox, make_publisher)
    assert f"127.0.0.1:{mosquitto.port}" in told
    assert "TLS" in told or "Connection reset" in told


def test_files_that_are_missing_or_hold_something_else_are_named(tmp_path: Path, authority: Authority) -> None:
    text = tmp_path / "text"
    text.write_text("no certificate")
    box = authority.sign("box")
    encrypted = tmp_path / "encrypted.key"
    key = ec.generate_private_key(ec.SECP256R1())
    secret = serialization.BestAvailableEncryption(b"secret")
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret)
    encrypted.write_bytes(key.private_bytes(*form))
    for settings, told in (
        (Tls(ca_file=tmp_path / "missing"), "check ca_file"),
        (Tls(ca_file=text), "holds no certificate in PEM"),
        (Tls(certificate_file=box.certificate, key_file=tmp_path / "missing"), "check key_file"),
        (Tls(certificate_file=text, key_file=box.key), "no certificate and its unencrypted key"),
        (Tls(certificate_file=box.certificate, key_file=authority.sign("other").key), "no certificate and its"),
        (Tls(certificate_file=box.certificate, key_file=encrypted), "no certificate and its unencrypted key"),
    ):
        with pytest.raises(EdgekitError, match=told):
            tls_context(settings)


def test_tls_brings_its_own_port_unless_one_is_given() -> None:
    assert Mqtt.model_validate({"tls": {}}).port == 8883
    assert Mqtt.model_validate({"tls": {}, "port": 1234}).port == 1234
    assert Mqtt.model_validate({}).port == 1883


def test_a_certificate_without_its_key_is_refused() -> None:
    with pytest.raises(ValueError, match="certificate_file and key_file go together"):
        Tls(certificate_file=Path("box.pem"))
