"""Whose box kept a case: signed with the key of its identity, so that nobody else can feed a training pictures."""

from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import Field

from devices.errors import EdgekitError
from edge.deploy.identity import Name, leads_to, load_chain, load_key
from edge.mqtt.wire import UtcTime, WireModel

_DOMAIN = b"edgekit hard case\n"  # the same key proves the box's name to brokers: no answer to one may be a signature
_ECDSA = ec.ECDSA(hashes.SHA256())


class CaseProof(WireModel):
    """A signature, and who may make such."""

    certificates: str = Field(description="PEM: the box's own first, then those between it and the authority")
    signature: str = Field(pattern=r"^[0-9a-f]+$", description="ECDSA with SHA-256 over the case's content, DER, hex")


class CaseSigner:
    """Signs what a box keeps.

    Args:
        identity: Certificate and key in one file, as `edgekit enroll accept` writes it.

    Raises:
        EdgekitError: It cannot be read, or holds not both.

    Source: FIPS 186-5 (ECDSA).
    """

    def __init__(self, identity: Path) -> None:
        chain = load_chain(identity)
        try:
            self._key = load_key(identity.read_bytes(), identity)
        except OSError as exc:
            raise EdgekitError(f"cannot read {identity}: {exc.strerror}") from exc
        encoding = serialization.Encoding.PEM
        self._certificates = b"".join(one.public_bytes(encoding) for one in chain).decode("ascii")

    def sign(self, content: bytes) -> CaseProof:
        """Return the proof that this box kept a case."""
        signature = self._key.sign(_DOMAIN + content, _ECDSA)
        return CaseProof(certificates=self._certificates, signature=signature.hex())


def check_proof(
    proof: CaseProof | None, content: bytes, box: Name, at: UtcTime, authority: Sequence[x509.Certificate]
) -> None:
    """Check that a case was kept by the box that it names.

    Args:
        proof: What came with it.
        content: What was signed.
        box: Whom the case names.
        at: When it was kept, as it says itself: its certificate may have ended since.
        authority: Who issues the boxes' certificates.

    Raises:
        EdgekitError: It is not signed, by another, or with a certificate that none of the authority's issued.
    """
    if proof is None:
        raise EdgekitError(f"nobody signed it: name identity_credential in [hard_cases] of {box.site}/{box.box}")
    try:
        chain = x509.load_pem_x509_certificates(proof.certificates.encode())
        own, key = chain[0], chain[0].public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise EdgekitError("its certificate is of another kind of key than a box has")
        key.verify(bytes.fromhex(proof.signature), _DOMAIN + content, _ECDSA)
    except (ValueError, InvalidSignature):
        raise EdgekitError(
            "its signature does not fit what it holds: it was changed, or made by somebody else"
        ) from None
    if not leads_to(chain, authority):
        raise EdgekitError("its signer's certificate was not issued by the authority that --box-ca names")
    if not own.not_valid_before_utc <= at <= own.not_valid_after_utc:
        raise EdgekitError(
            f"its signer's certificate did not hold at {at:%Y-%m-%d %H:%M} UTC, when it says it was kept"
        )
    signer = Name(_told(own, NameOID.ORGANIZATION_NAME), _told(own, NameOID.COMMON_NAME))
    if signer != box:
        raise EdgekitError(f"it names {box.site}/{box.box}, and {signer.site}/{signer.box} signed it")


def _told(certificate: x509.Certificate, name: x509.ObjectIdentifier) -> str:
    told = certificate.subject.get_attributes_for_oid(name)
    return str(told[0].value) if told else ""
