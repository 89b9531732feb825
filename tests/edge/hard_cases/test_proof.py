"""Who kept a case: the box whose certificate the site's authority issued, or nobody to learn from."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from devices.errors import EdgekitError
from edge.deploy.identity import IDENTITY, Name, accept, load_chain, load_key, request
from edge.hard_cases.case import HardCase, seal, unseal
from edge.hard_cases.proof import CaseSigner
from edge.sealing import load_opener, load_recipient
from edge.tags.catalogue import Catalogue

Make = Callable[..., Any]
NOW = datetime.now(timezone.utc)
KEPT = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)  # when the events of these tests are of


class Authority:
    """Who issues a site's boxes their certificates."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "site")])
        self._begins = min(KEPT, NOW) - timedelta(days=1)
        self.certificate = self._issue(self._name, self._key.public_key(), is_authority=True)

    def _issue(self, subject: x509.Name, key: Any, *, is_authority: bool = False) -> x509.Certificate:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key)
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(self._begins)
        builder = builder.not_valid_after(max(KEPT, NOW) + timedelta(days=30))
        limits = x509.BasicConstraints(ca=is_authority, path_length=None)
        return builder.add_extension(limits, critical=True).sign(self._key, hashes.SHA256())

    def enrol(self, secrets: Path, name: Name) -> Path:
        """Return the identity of a box, made as a box makes it."""
        asked = x509.load_pem_x509_csr(request(secrets, name))
        issued = secrets / "issued.pem"
        own = self._issue(asked.subject, asked.public_key())  # pyright: ignore[reportArgumentType]
        issued.write_bytes(own.public_bytes(serialization.Encoding.PEM))
        accept(secrets, issued, None, NOW)
        return secrets / IDENTITY


@pytest.fixture
def case(make_keeper: Make, event: Make, keys: Any, tmp_path: Path) -> HardCase:
    """Return a case of the box hall/box-1 that nobody signed."""
    keeper = make_keeper()
    keeper.start()
    keeper.offer([event()], Catalogue())
    keeper.stop(60)
    (path,) = (tmp_path / "cases").glob("*.case")
    return unseal(path.read_bytes(), load_opener(keys.private))


def test_a_box_signs_what_it_keeps_with_the_identity_that_it_enrolled(
    make_keeper: Make, event: Make, keys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    authority = Authority()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "secrets"))
    authority.enrol(tmp_path / "secrets", Name("hall", "box-1"))
    keeper = make_keeper(identity_credential=IDENTITY)
    keeper.start()
    keeper.offer([event()], Catalogue())
    keeper.stop(60)
    (path,) = (tmp_path / "cases").glob("*.case")
    opened = unseal(path.read_bytes(), load_opener(keys.private), [authority.certificate])
    assert (opened.record.site, opened.record.box) == ("hall", "box-1")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(EdgekitError, match=r"cannot read .*identity"):
        make_keeper(identity_credential=IDENTITY)


def test_what_nobody_another_box_or_another_authority_signed_is_refused(case: HardCase, keys: Any, tmp_path: Path):
    authority, recipient, opener = Authority(), load_recipient(keys.public), load_opener(keys.private)
    roots = [authority.certificate]
    own = CaseSigner(authority.enrol(tmp_path / "own", Name("hall", "box-1")))
    neighbour = CaseSigner(authority.enrol(tmp_path / "neighbour", Name("hall", "box-2")))
    stranger = CaseSigner(Authority().enrol(tmp_path / "stranger", Name("hall", "box-1")))
    unseal(seal(case, recipient, own), opener, roots)
    for signer, told in (
        (None, "nobody signed it: name identity_credential"),
        (neighbour, "names hall/box-1, and hall/box-2 signed it"),
        (stranger, "not issued by the authority"),
    ):
        with pytest.raises(EdgekitError, match=told):
            unseal(seal(case, recipient, signer), opener, roots)
    late = HardCase(case.record.model_copy(update={"captured_at": KEPT - timedelta(days=400)}), case.jpeg)
    with pytest.raises(EdgekitError, match="did not hold at 2025"):
        unseal(seal(late, recipient, own), opener, roots)


def test_a_signature_is_for_one_record_and_one_picture(case: HardCase, keys: Any, tmp_path: Path):
    authority = Authority()
    own = CaseSigner(authority.enrol(tmp_path / "own", Name("hall", "box-1")))
    recipient, opener = load_recipient(keys.public), load_opener(keys.private)

    class Borrowed(CaseSigner):
        """Shows the proof of one case with another."""

        def __init__(self) -> None:
            pass

        def sign(self, content: bytes) -> Any:
            return own.sign(content[:-1])

    with pytest.raises(EdgekitError, match="does not fit what it holds"):
        unseal(seal(case, recipient, Borrowed()), opener, [authority.certificate])


def test_a_box_cannot_issue_itself_a_certificate_that_names_another(case: HardCase, keys: Any, tmp_path: Path):
    authority = Authority()
    identity = authority.enrol(tmp_path / "thief", Name("hall", "box-2"))
    own, stolen = load_chain(identity)[0], load_key(identity.read_bytes(), identity)
    named = [(NameOID.ORGANIZATION_NAME, "hall"), (NameOID.COMMON_NAME, "box-1")]
    forged = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(*each) for each in named]))
        .issuer_name(own.subject)
        .public_key(stolen.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(own.not_valid_before_utc)
        .not_valid_after(own.not_valid_after_utc)
        .sign(stolen, hashes.SHA256())
    )
    parts = [forged, own]
    key = identity.read_bytes()[identity.read_bytes().rfind(b"-----BEGIN PRIVATE KEY") :]
    identity.write_bytes(b"".join([*(one.public_bytes(serialization.Encoding.PEM) for one in parts), key]))
    content = seal(case, load_recipient(keys.public), CaseSigner(identity))
    with pytest.raises(EdgekitError, match="was not issued by the authority"):
        unseal(content, load_opener(keys.private), [authority.certificate])
