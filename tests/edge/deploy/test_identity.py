"""A box's identity: made once, never half, taken only with the certificate that is for it; then shown to a broker."""

import socket
import ssl
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from devices.errors import EdgekitError
from edge.deploy.identity import Name, accept, request
from edge.mqtt.section import Tls
from edge.mqtt.tls import tls_context

NOW = datetime.now(timezone.utc)
PURPOSE = {"client": ExtendedKeyUsageOID.CLIENT_AUTH, "server": ExtendedKeyUsageOID.SERVER_AUTH}


class Authority:
    """Who signs certificates at a site."""

    def __init__(self, folder: Path, name: str = "site") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.folder = folder
        self.certificate = folder / f"{name}-ca.pem"
        self._issue(self.name, self.key.public_key(), self.certificate, purpose=None, begins=NOW - timedelta(days=1))

    def sign(self, csr: bytes, name: str = "box", *, purpose: str = "client", begins: datetime = NOW) -> Path:
        asked = x509.load_pem_x509_csr(csr)
        assert asked.is_signature_valid
        out = self.folder / f"{name}.pem"
        self._issue(asked.subject, asked.public_key(), out, purpose=purpose, begins=begins - timedelta(hours=1))
        return out

    def _issue(self, subject: x509.Name, key: object, out: Path, *, purpose: str | None, begins: datetime) -> None:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)  # pyright: ignore[reportArgumentType]
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(begins + timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=purpose is None, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        )
        if purpose is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([PURPOSE[purpose]]), critical=False)
        out.write_bytes(builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    return tmp_path / "secrets"


def test_a_request_names_the_box_and_asking_again_keeps_the_key(secrets: Path) -> None:
    first, again = (x509.load_pem_x509_csr(request(secrets, Name("hamburg", "line1"))) for _ in range(2))
    assert first.public_key() == again.public_key()
    assert first.subject.rfc4514_string() == "CN=line1,O=hamburg"
    assert (secrets / "identity.key").stat().st_mode & 0o777 == 0o600


def test_a_box_shows_its_broker_what_it_enrolled(
    secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    accept(secrets, authority.sign(request(secrets, Name("hamburg", "line1"))), authority.certificate, NOW)
    assert [path.name for path in secrets.iterdir()] == ["identity"]
    assert (secrets / "identity").stat().st_mode & 0o777 == 0o600
    broker_key = ec.generate_private_key(ec.SECP256R1())
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(broker_key, hashes.SHA256())
    served = authority.sign(csr.public_bytes(serialization.Encoding.PEM), "broker", purpose="server")
    (tmp_path / "broker.key").write_bytes(
        broker_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    broker = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    broker.load_cert_chain(served, tmp_path / "broker.key")
    broker.load_verify_locations(authority.certificate)
    broker.verify_mode = ssl.CERT_REQUIRED
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(secrets))
    context = tls_context(Tls(ca_file=authority.certificate, identity_credential="identity"))
    seen: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with listener.accept()[0] as plain, broker.wrap_socket(plain, server_side=True) as line:
                seen.append(line.getpeercert())
                line.sendall(b"!")

        thread = threading.Thread(target=serve)
        thread.start()
        with (
            socket.create_connection(listener.getsockname(), timeout=20) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as line,
        ):
            assert line.recv(1) == b"!"
        thread.join()
    assert "line1" in str(seen)


def test_a_renewed_certificate_takes_the_place_of_the_old_one_only_once_it_is_there(
    secrets: Path, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    accept(secrets, authority.sign(request(secrets, Name("a", "b"))), authority.certificate, NOW)
    old = (secrets / "identity").read_bytes()
    csr = request(secrets, Name("a", "b"))
    assert (secrets / "identity").read_bytes() == old
    accept(secrets, authority.sign(csr, "renewed"), authority.certificate, NOW)
    assert (secrets / "identity").read_bytes() != old


def test_what_is_not_this_boxs_certificate_changes_nothing(secrets: Path, tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "stranger")
    accept(secrets, authority.sign(request(secrets, Name("a", "b"))), authority.certificate, NOW)
    before = (secrets / "identity").read_bytes()
    csr = request(secrets, Name("a", "b"))
    other = request(tmp_path / "other", Name("a", "c"))
    (tmp_path / "text.pem").write_text("no certificate")
    for path, told in (
        (authority.sign(other, "other"), "is for no key of this box"),
        (stranger.sign(csr, "strange"), "was not issued by"),
        (authority.sign(csr, "server", purpose="server"), "is not for a TLS client"),
        (authority.sign(csr, "late", begins=NOW + timedelta(days=3)), "is the clock set"),
        (authority.sign(csr, "early", begins=NOW - timedelta(days=60)), "ended on"),
        (tmp_path / "text.pem", "holds no certificates"),
        (tmp_path / "nowhere.pem", "cannot read"),
    ):
        with pytest.raises(EdgekitError, match=told):
            accept(secrets, path, authority.certificate, NOW)
        assert (secrets / "identity").read_bytes() == before
        assert (secrets / "identity.key").exists()
