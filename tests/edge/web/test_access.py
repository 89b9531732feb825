"""Who is let in: what a token file must be, how long a session lasts, and where a page may listen without one."""

import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from devices.errors import EdgekitError
from edge.web.access import Access, read_token
from edge.web.exchange import Request
from edge.web.section import Web

TOKEN = "a-token-that-nobody-guesses-0123456789"


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("rights", [0o640, 0o604, 0o660])
def test_a_token_that_others_may_read_is_refused(token_file: Path, rights: int):
    token_file.chmod(rights)
    with pytest.raises(EdgekitError, match="chmod 600"):
        read_token(Web(token_file=token_file))


def test_a_credential_of_systemd_may_show_an_access_list(token_file: Path, monkeypatch: pytest.MonkeyPatch):
    token_file.chmod(0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(token_file.parent))
    assert read_token(Web(token_credential=token_file.name)) == TOKEN.encode()


def test_a_short_or_missing_token_is_refused_with_the_command_that_makes_one(token_file: Path):
    token_file.write_text("1234")
    with pytest.raises(EdgekitError, match="edgekit config token"):
        read_token(Web(token_file=token_file))
    token_file.unlink()
    with pytest.raises(EdgekitError, match="edgekit config token"):
        read_token(Web(token_file=token_file))


def test_a_session_ends_after_half_a_day_and_with_its_token(token_file: Path):
    now = [1_000_000.0]
    access = Access(Web(token_file=token_file), lambda: now[0])
    cookie = access.log_in(TOKEN).headers["Set-Cookie"].partition(";")[0]
    request = Request("GET", "/", headers={"cookie": cookie})
    assert access.admits(request)
    assert Access(Web(token_file=token_file), lambda: now[0]).admits(request)  # it outlives a restart
    now[0] += 13 * 3600
    assert not access.admits(request)
    now[0] -= 13 * 3600
    token_file.write_text(TOKEN[::-1])
    assert not Access(Web(token_file=token_file), lambda: now[0]).admits(request)


@pytest.mark.parametrize(
    "cookie", ["", "edgekit=", "edgekit=1", "edgekit=x.y", "edgekit=\u00e9.\u00e9", "edgekit=.", "="]
)
def test_what_is_no_session_is_none(token_file: Path, cookie: str):
    assert not Access(Web(token_file=token_file)).admits(Request("GET", "/", headers={"cookie": cookie}))


def test_a_cookie_that_is_made_to_be_read_for_long_is_read_at_once(token_file: Path):
    access = Access(Web(token_file=token_file))
    cookie = access.log_in(TOKEN).headers["Set-Cookie"].partition(";")[0]
    began_s = time.process_time()
    for sign in ("\\1", '\\"', ";", "="):
        assert not access.admits(Request("GET", "/", headers={"cookie": f'edgekit="{sign * 30_000}"'}))
    assert time.process_time() - began_s < 1
    assert access.admits(Request("GET", "/", headers={"cookie": f"of=another; {cookie}; end"}))


@pytest.mark.parametrize("origin", ["http://[", "null", "http://localhost:9", ""])
def test_what_another_origin_sends_is_refused_however_it_is_written(origin: str):
    headers = {"host": "localhost", "content-type": "application/json", "origin": origin}
    refusal = Access(Web()).refusal(Request("POST", "/logout", headers=headers))
    assert refusal is not None
    assert refusal.status == 403


@pytest.mark.parametrize(
    ("host", "answered"),
    [
        ("localhost:8480", True),
        ("127.0.0.1", True),
        ("[::1]:8480", True),
        ("rebound.example", False),
        ("", False),
        ("[", False),
    ],
)
def test_without_a_token_no_name_of_another_site_is_answered(host: str, answered: bool):  # noqa: FBT001
    refusal = Access(Web()).refusal(Request("GET", "/", headers={"host": host}))
    assert (refusal is None) is answered


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "box.example"])  # noqa: S104
def test_a_page_that_others_can_reach_needs_a_token_or_certificates(host: str, tmp_path: Path):
    with pytest.raises(ValidationError, match="edgekit config token"):
        Web(host=host)
    tls = {"certificate_file": tmp_path / "c", "key_file": tmp_path / "k"}
    with pytest.raises(ValidationError, match="client_ca_file"):
        Web.model_validate({"host": host, "tls": tls})
    Web(host=host, token_file=tmp_path / "token")
    Web(host=host, token_credential="token")
    Web.model_validate({"host": host, "tls": {**tls, "client_ca_file": tmp_path / "ca"}})
