"""What of a site's configuration is carried to a box, what is refused, and what its unit is given for it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from devices.errors import EdgekitError
from edge.flash.site import Site, carry_site
from edge.flash.units import write_units

BOX_TOML = """
[box]
site = "hamburg"
name = "line1"
[bundle]
path = "bundle"
trusted_keys = ["keys/bundle.pub"]
[mqtt]
username = "line1"
password_credential = "mqtt-password"
[outbox]
path = "/var/lib/edgekit/outbox.db"
[[camera]]
name = "belt"
source = { kind = "rtsp", url = "rtsp://camera.example/stream" }
"""


@pytest.fixture
def site(tmp_path: Path, make_bundle: Callable[..., Any]) -> Path:
    bundle = make_bundle()
    folder = tmp_path / "site"
    (folder / "keys").mkdir(parents=True)
    shutil.copyfile(bundle.public, folder / "keys" / "bundle.pub")
    shutil.copytree(bundle.folder, folder / "bundle")
    (folder / "box.toml").write_text(BOX_TOML)
    (folder / "passwords.txt").write_text("nobody's business")
    return folder


def test_what_box_toml_names_beside_itself_is_carried_and_nothing_else(site: Path, tmp_path: Path) -> None:
    told = carry_site(site / "box.toml", None, tmp_path / "carried")
    assert told == Site("hamburg/line1", frozenset({"mqtt-password"}), devices=False)
    top = {path.name for path in (tmp_path / "carried").iterdir()}
    assert top == {"box.toml", "bundle", "keys"}
    assert (tmp_path / "carried/keys/bundle.pub").read_bytes() == (site / "keys/bundle.pub").read_bytes()


def test_a_bundle_that_its_signer_did_not_sign_is_refused_before_it_travels(site: Path, tmp_path: Path) -> None:
    manifest = site / "bundle/manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b"carton", b"parcel"))
    with pytest.raises(EdgekitError, match="is not signed by"):
        carry_site(site / "box.toml", None, tmp_path / "carried")


def test_a_bundle_given_by_hand_takes_the_place_that_box_toml_names(site: Path, tmp_path: Path) -> None:
    (site / "bundle").rename(tmp_path / "newer")
    carry_site(site / "box.toml", tmp_path / "newer", tmp_path / "carried")
    assert (tmp_path / "carried/bundle/manifest.json").is_file()


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('"/var/lib/edgekit/outbox.db"', '"outbox.db"', "outbox.path is outbox.db: a box writes it"),
        ("[outbox]", '[audit]\nstate = "audit.json"\n[outbox]', "audit.state is audit.json: a box writes it"),
        ("[outbox]", '[drift]\nstate = "drift.json"\n[outbox]', "drift.state is drift.json: a box writes it"),
        (
            "[outbox]",
            '[hard_cases]\nfolder = "cases"\nrecipient = "keys/bundle.pub"\n[outbox]',
            "hard_cases.folder is cases: a box writes it",
        ),
        ("password_credential = ", "password_file = ", "mqtt.password_file is mqtt-password: no release may hold"),
        ("rtsp://", "rtsp://viewer:sesame@", "the url of camera belt holds a login, and no release may hold a secret"),
        (
            'stream"',
            'stream", username = "viewer", password_file = "belt-password"',
            "cameras.source.password_file is belt-password: no release may hold",
        ),
        ('"keys/bundle.pub"', '"../bundle.pub"', "bundle.trusted_keys is ../bundle.pub: what is carried has to lie"),
        ('"keys/bundle.pub"', '"keys/other.pub"', "other.pub is missing: put it there"),
        ('"bundle"', '"."', "bundle.path is .: what is carried has to lie"),
        ('name = "line1"', 'name = "line1/../.."', "box.name: 1 to 64 letters"),
        ('"mqtt-password"', '"x\\nExecStart=reboot"', "password_credential"),
    ],
)
def test_what_may_not_be_carried_is_told(site: Path, tmp_path: Path, before: str, after: str, told: str) -> None:
    path = site / "box.toml"
    assert before in BOX_TOML
    path.write_text(BOX_TOML.replace(before, after, 1))
    with pytest.raises(EdgekitError) as caught:
        carry_site(path, None, tmp_path / "carried")
    assert told in str(caught.value)
    assert "sesame" not in str(caught.value)


def test_a_cameras_password_is_a_credential_of_the_unit_beside_the_brokers(site: Path, tmp_path: Path) -> None:
    path = site / "box.toml"
    login = 'stream?mail=a@b", username = "viewer", password_credential = "belt-password"'
    path.write_text(BOX_TOML.replace('stream"', login, 1))
    told = carry_site(path, None, tmp_path / "carried")
    assert told.credentials == {"mqtt-password", "belt-password"}


def test_a_link_in_a_folder_that_is_carried_is_refused(site: Path, tmp_path: Path) -> None:
    (site / "bundle/extra").symlink_to("/etc/shadow")
    with pytest.raises(EdgekitError, match="is a link or a device"):
        carry_site(site / "box.toml", None, tmp_path / "carried")


@pytest.mark.parametrize(
    ("source", "devices"),
    [
        ('{ kind = "usb", device = "/dev/video0" }', True),
        ('{ kind = "csi" }', True),
        ('{ kind = "rtsp", url = "rtsp://c/s", decode = "hardware-h264" }', True),
        ('{ kind = "rtsp", url = "rtsp://c/s" }', False),
    ],
)
def test_the_unit_may_use_devices_only_where_a_camera_is_one(
    site: Path, tmp_path: Path, source: str, *, devices: bool
) -> None:
    path = site / "box.toml"
    path.write_text(BOX_TOML.replace('{ kind = "rtsp", url = "rtsp://camera.example/stream" }', source))
    told = carry_site(path, None, tmp_path / "carried")
    write_units(tmp_path / "units", told)
    drop_ins = {file.name for file in (tmp_path / "units/edgekit.service.d").iterdir()}
    assert drop_ins == ({"credentials.conf", "devices.conf"} if devices else {"credentials.conf"})
