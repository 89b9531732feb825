"""What both sides of a connection to the broker prove: the broker its name, and with mutual TLS the box its own."""

import ssl
from datetime import datetime, timezone
from pathlib import Path

from devices.errors import EdgekitError
from edge.credentials import credential_file
from edge.mqtt.section import Tls

_RELEASED = datetime(2026, 11, 1, tzinfo=timezone.utc)  # no box that runs this can be earlier


def tls_context(settings: Tls) -> ssl.SSLContext:
    """Return a context for TLS 1.2 or newer that accepts only certificates in the host's own name.

    Raises:
        EdgekitError: A file cannot be read, or does not hold what it should.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.ca_file is None:
        context.load_default_certs()
    else:
        _check_readable(settings.ca_file, "ca_file")
        try:
            context.load_verify_locations(settings.ca_file)
        except ssl.SSLError as exc:
            raise EdgekitError(f"{settings.ca_file} holds no certificate in PEM: check ca_file in [mqtt.tls]") from exc
    if settings.certificate_file is not None and settings.key_file is not None:
        _prove(context, settings.certificate_file, settings.key_file)
    if settings.identity_credential is not None:
        identity = credential_file(settings.identity_credential)
        _prove(context, identity, identity)
    return context


def clock_is_implausible(settings: Tls | None, now: datetime) -> bool:
    """Whether mutual TLS is asked for while the host's clock stands where no certificate can hold."""
    return settings is not None and settings.is_mutual and now < _RELEASED


def not_trusted(where: str, fault: ssl.SSLError) -> str:
    """Return what a failed handshake with the broker at `where` means, and how to mend it."""
    if isinstance(fault, ssl.SSLCertVerificationError):
        return (
            f"the certificate of the broker at {where} is not accepted ({fault.verify_message}): "
            "check host, ca_file in [mqtt.tls], and this machine's clock"
        )
    return f"no TLS with the broker at {where} ({fault.reason or fault}): check port, and that it speaks TLS 1.2 there"


def _prove(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Load the box's own certificate and key. The message never holds what is in them."""
    _check_readable(certificate, "certificate_file")
    _check_readable(key, "key_file")
    try:
        # Without an answer of ours, an encrypted key would ask at a terminal that nobody sits at.
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except (ssl.SSLError, ValueError) as exc:
        raise EdgekitError(
            f"{certificate} and {key} are no certificate and its unencrypted key in PEM: "
            "check certificate_file and key_file in [mqtt.tls]"
        ) from exc


def _check_readable(file: Path, name: str) -> None:
    try:
        file.read_bytes()
    except OSError as exc:
        raise EdgekitError(f"cannot read {file} ({exc.strerror}): check {name} in [mqtt.tls] and its rights") from exc
