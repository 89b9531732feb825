"""A camera's login: its password comes from where it is kept into the URL that is opened, and nowhere else."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from devices.errors import EdgekitError
from devices.validation import checked
from edge.demo.show import CLIP
from edge.video.address import address
from edge.video.section import Camera, GstreamerSource, RtspSource
from edge.video.sources import SourceLostError, open_source

PASSWORD = "se:s@me/ open"
URL = "rtsp://camera.example/stream"


@pytest.fixture
def credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Hand over a password as systemd does."""
    (tmp_path / "gate-password").write_text(f"{PASSWORD}\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    return tmp_path


def test_the_password_of_a_credential_or_a_file_gets_into_the_url(credentials: Path) -> None:
    by_name = RtspSource(kind="rtsp", url=URL, username="viewer", password_credential="gate-password")
    by_file = GstreamerSource(
        kind="gstreamer",
        pipeline="rtspsrc location={url}",
        url=URL,
        username="viewer",
        password_file=credentials / "gate-password",
    )
    told = "rtsp://viewer:se%3As%40me%2F%20open@camera.example/stream"
    assert (address("gate", by_name), address("gate", by_file)) == (told, told)
    assert address("gate", RtspSource(kind="rtsp", url=URL)) == URL


def test_a_password_that_is_not_there_is_named_by_its_camera(credentials: Path) -> None:
    source = RtspSource(kind="rtsp", url=URL, username="viewer", password_credential="other")
    with pytest.raises(EdgekitError, match=r"cannot read the file .*other.*check password_credential of camera gate"):
        address("gate", source)
    twice = RtspSource(kind="rtsp", url="rtsp://a:b@camera", username="viewer", password_credential="gate-password")
    with pytest.raises(EdgekitError, match="its url holds a login and username stands there too") as caught:
        address("gate", twice)
    assert "a:b" not in str(caught.value)
    assert credentials.exists()


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"username": "a"}, "a user and the place of its password go together"),
        ({"password_credential": "b"}, "a user and the place of its password go together"),
        ({"username": "a", "password_credential": "b", "password_file": Path("c")}, "both stand there: keep one"),
    ],
)
def test_a_login_that_is_told_by_half_or_twice_is_refused(settings: dict[str, object], fault: str) -> None:
    with pytest.raises(EdgekitError, match=fault):
        checked(RtspSource, kind="rtsp", url=URL, **settings)


def test_a_guarded_camera_lets_the_box_in_with_its_password_alone(
    network_camera: Callable[..., Any], credentials: Path
) -> None:
    url = network_camera(CLIP, "viewer", PASSWORD).url
    source = RtspSource(kind="rtsp", url=url, username="viewer", password_credential="gate-password")
    with closing(open_source(Camera(name="gate", source=source))) as opened:
        assert next(iter(opened.frames())).width == 1280
    (credentials / "gate-password").write_text("another")
    with pytest.raises(SourceLostError, match=r"cannot be reached at rtsp://127\.0\.0\.1") as caught:
        open_source(Camera(name="gate", source=source))
    assert "another" not in str(caught.value)
