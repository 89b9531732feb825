"""User and password come from the settings, files or systemd credentials, and are told to the broker alone."""

from pathlib import Path

import pytest

from devices.errors import EdgekitError
from devices.validation import checked
from edge.mqtt.login import read_login
from edge.mqtt.section import Mqtt


@pytest.fixture
def credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Hand over credentials as systemd does: files in a folder that the environment names."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    (folder / "mqtt-user").write_text("box\n")
    (folder / "mqtt-password").write_text("right horse\n")
    return folder


def test_both_come_from_credentials_by_name(credentials: Path) -> None:
    del credentials
    login = read_login(Mqtt(username_credential="mqtt-user", password_credential="mqtt-password"))
    assert login is not None
    assert (login.username, login.password) == ("box", "right horse")
    assert "horse" not in repr(login)


def test_a_credential_that_was_not_handed_over_is_named(credentials: Path) -> None:
    with pytest.raises(EdgekitError, match=r"cannot read the file .*other.*check password_credential in \[mqtt\]"):
        read_login(Mqtt(username="box", password_credential="other"))
    assert credentials.exists()


def test_without_systemd_the_way_to_hand_one_over_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(EdgekitError, match="LoadCredential=mqtt-password:FILE"):
        read_login(Mqtt(username="box", password_credential="mqtt-password"))


def test_root_finds_what_systemd_would_hand_over_where_the_box_keeps_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setattr("edge.credentials.KEPT", tmp_path)
    (tmp_path / "mqtt-password").write_text("right horse\n")
    login = read_login(Mqtt(username="box", password_credential="mqtt-password"))
    assert login is not None
    assert login.password == "right horse"


def test_nobody_is_told_where_nobody_is_named() -> None:
    assert read_login(Mqtt()) is None


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"password_file": Path("secret")}, "name the user as well"),
        ({"username": "a", "username_credential": "b"}, "username and username_credential both stand there"),
        ({"username": "a", "password_file": Path("f"), "password_credential": "b"}, "keep one"),
        ({"username": "a", "password_credential": "../shadow"}, "the name of a systemd credential"),
        ({"username_credential": ".."}, "the name of a systemd credential"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings: dict[str, object], fault: str) -> None:
    with pytest.raises(EdgekitError, match=fault):
        checked(Mqtt, **settings)
