"""A box's identity for mutual TLS: its key never leaves it, a request goes out, a certificate comes back.

Certificate and key end up in one file, so that no moment has one without the other; systemd hands it to the service as
credential `identity`. Until the certificate comes, the new key waits beside it, and what was in use stays in use.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from devices.errors import EdgekitError
from edge.durable import write_whole

IDENTITY = "identity"
_PENDING = "identity.key"
_MOST_BYTES = 1 << 16
_SECRET = 0o600


@dataclass(frozen=True, slots=True)
class Name:
    """Who a box says it is.

    Attributes:
        site: Of its configuration.
        box: Likewise; the certificate's common name, which brokers take for the user.
    """

    site: str
    box: str


def request(secrets: Path, name: Name) -> bytes:
    """Return a request for a certificate, with a new key that is kept here; asked again, for the same key.

    Args:
        secrets: The box's folder of secrets; made if missing.
        name: Who the certificate shall be for.

    Returns:
        The request, PEM.

    Raises:
        EdgekitError: The key cannot be kept, or what is there is none.

    Source: RFC 2986.
    """
    pending = secrets / _PENDING
    try:
        secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not pending.exists():
            write_whole(pending, _as_pem(ec.generate_private_key(ec.SECP256R1())), _SECRET)
        key = load_key(pending.read_bytes(), pending)
    except OSError as exc:
        raise EdgekitError(f"cannot keep a key in {secrets}: {exc.strerror}; run this as root") from exc
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name.site), x509.NameAttribute(NameOID.COMMON_NAME, name.box)]
    )
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def accept(secrets: Path, certificate: Path, authority: Path | None, now: datetime) -> x509.Certificate:
    """Put a certificate to use, together with the key that was made for it.

    Args:
        secrets: The box's folder of secrets.
        certificate: PEM, the box's own first, then those between it and the authority.
        authority: Who must have issued it, PEM; None checks that not.
        now: UTC.

    Returns:
        The box's certificate.

    Raises:
        EdgekitError: It is for another key, another purpose, another time, or not issued by the authority; what was in
            use is in use.
    """
    chain = load_chain(certificate)
    own = chain[0]
    key = _key_for(own, secrets, certificate)
    if now < own.not_valid_before_utc:
        raise EdgekitError(f"{certificate} begins on {own.not_valid_before_utc:%Y-%m-%d %H:%M} UTC: is the clock set?")
    if now >= own.not_valid_after_utc:
        raise EdgekitError(f"{certificate} ended on {own.not_valid_after_utc:%Y-%m-%d %H:%M} UTC: ask for a new one")
    _check_purpose(own, certificate)
    if authority is not None:
        _check_chain(chain, load_chain(authority), certificate, authority)
    parts = [one.public_bytes(serialization.Encoding.PEM) for one in chain]
    try:
        write_whole(secrets / IDENTITY, b"".join([*parts, _as_pem(key)]), _SECRET)
        (secrets / _PENDING).unlink(missing_ok=True)
    except OSError as exc:
        raise EdgekitError(f"cannot write {secrets / IDENTITY}: {exc.strerror}; run this as root") from exc
    return own


def _key_for(own: x509.Certificate, secrets: Path, certificate: Path) -> ec.EllipticCurvePrivateKey:
    """Return the key that a certificate is for: the one that waits, or the one in use, whose certificate is renewed."""
    for path in (secrets / _PENDING, secrets / IDENTITY):
        try:
            key = load_key(path.read_bytes(), path)
        except FileNotFoundError:
            continue
        except OSError as exc:
            raise EdgekitError(f"cannot read {path}: {exc.strerror}; run this as root") from exc
        if key.public_key() == own.public_key():
            return key
    raise EdgekitError(f"{certificate} is for no key of this box: ask for one with `edgekit enroll request`")


def load_key(content: bytes, path: Path) -> ec.EllipticCurvePrivateKey:
    """Return the key that stands behind what else a file holds.

    Raises:
        EdgekitError: It holds none, or one of another kind.
    """
    try:
        key = serialization.load_pem_private_key(content[content.rfind(b"-----BEGIN PRIVATE KEY-----") :], None)
    except (ValueError, TypeError):
        raise EdgekitError(f"{path} holds no key: move it away, and ask for a certificate anew") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise EdgekitError(f"{path} holds a key of another kind: move it away, and ask for a certificate anew")
    return key


def load_chain(path: Path) -> list[x509.Certificate]:
    """Return the certificates of a file.

    Raises:
        EdgekitError: It cannot be read, or holds none.
    """
    try:
        with path.open("rb") as file:
            return x509.load_pem_x509_certificates(file.read(_MOST_BYTES))
    except OSError as exc:
        raise EdgekitError(f"cannot read {path}: {exc.strerror}") from exc
    except ValueError as exc:
        raise EdgekitError(f"{path} holds no certificates in PEM") from exc


def _check_purpose(own: x509.Certificate, certificate: Path) -> None:
    try:
        purposes = own.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    except ValueError as exc:
        raise EdgekitError(f"{certificate} has extensions that cannot be read") from exc
    if ExtendedKeyUsageOID.CLIENT_AUTH not in purposes:
        raise EdgekitError(f"{certificate} is not for a TLS client: ask its issuer for one with clientAuth")


def _check_chain(
    chain: list[x509.Certificate], roots: list[x509.Certificate], certificate: Path, authority: Path
) -> None:
    if not leads_to(chain, roots):
        raise EdgekitError(f"{certificate} was not issued by {authority}, nor by those whose certificates lie between")


def leads_to(chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]) -> bool:
    """Follow the chain from a box's certificate, and say whether it comes to one that an authority issued."""
    for number, one in enumerate(chain):
        if any(_issued(one, root) for root in roots):
            return True
        if number + 1 == len(chain) or not _issued(one, chain[number + 1]):
            break
    return False


def _issued(one: x509.Certificate, by: x509.Certificate) -> bool:
    """Say whether a certificate was issued by another's holder, and whether that one may issue any.

    Source: RFC 5280, 4.2.1.9: without that a box could issue certificates that name other boxes.
    """
    try:
        one.verify_directly_issued_by(by)
        return by.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False


def _as_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
