"""The support archive says what whoever helps needs, and holds none of the secrets planted all over the box."""

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.publish import single

from edge.config import load_config
from edge.demo.show import BUNDLE, TRUSTED_KEY
from edge.mqtt.conversion import Origin
from edge.mqtt.outbox import Outbox
from edge.support.archive import write_archive
from edge.support.running import retained
from edge.support.secrets import Scrubber, secrets_of

SECRETS = ("s3cr3t-broker", "s3cr3t@rtsp", "s3cr3t%40rtsp", "s3cr3t-path", "s3cr3t-query", "s3cr3t-tok", "s3cr3t-pem")
URL = "rtsp://admin-7:s3cr3t%40rtsp@camera.example:554/x_password=s3cr3t-path?k=s3cr3t-query"
CONFIG = f"""
[box]
site = "hall"
name = "box-1"
[bundle]
path = "{BUNDLE}"
trusted_keys = ["{TRUSTED_KEY}"]
[mqtt]
username = "operator-7"
password_file = "password"
[outbox]
path = "outbox.sqlite"
[[camera]]
name = "gate"
source = {{ kind = "rtsp", url = "{URL}" }}
"""
LOG = f"""opened {URL}
the broker refused s3cr3t-broker, the camera s3cr3t@rtsp, of operator-7
Authorization: Bearer s3cr3t-tok
{{"token": "s3cr3t-tok", "camera": "gate"}}
-----BEGIN PRIVATE KEY-----
s3cr3t-pem
-----END PRIVATE KEY-----
camera gate is lost
"""


def support(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "edge", "support-bundle", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def box(tmp_path: Path) -> Path:
    (tmp_path / "box.toml").write_text(CONFIG)
    (tmp_path / "password").write_text("s3cr3t-broker\n")
    (tmp_path / "box.log").write_text(LOG)
    with Outbox.open(tmp_path / "outbox.sqlite", origin=Origin("hall", "box-1", "run")) as outbox:
        outbox.register_cameras(["gate"])
    return tmp_path


def members(path: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    with tarfile.open(path) as archive:
        for entry in archive.getmembers():
            file = archive.extractfile(entry)
            assert file is not None
            found[entry.name.removeprefix("edgekit-support/")] = file.read().decode()
    return found


def test_the_archive_is_whole_and_without_any_secret(box: Path):
    out = box / "out.tar.gz"
    done = support(str(out), "--config", str(box / "box.toml"), "--log", str(box / "box.log"))
    assert done.returncode == 0, done.stderr
    found = members(out)
    everything = "\n".join(found.values()) + done.stdout + done.stderr
    for secret in (*SECRETS, "admin-7", "operator-7"):
        assert secret not in everything
    assert json.loads(found["config.json"])["camera"][0]["source"]["url"] == "rtsp://***@camera.example:554/..."
    assert "camera gate is lost" in found["log.txt"]
    assert json.loads(found["outbox.json"])["last_seq"] == {"gate": 0}
    assert found["bundle.txt"].startswith("verified: edgekit-demo")
    assert json.loads(found["manifest.json"])["name"] == "edgekit-demo"
    assert json.loads(found["versions.json"])["edgekit"] != "not installed"
    assert out.stat().st_mode & 0o077 == 0
    assert list(box.glob(".*partial")) == []


def test_of_a_box_that_runs_statuses_and_metrics_are_there_without_secrets(
    box: Path, make_mosquitto: Callable[..., Any], free_port: int, eventually: Callable[..., None]
):
    passwords = box / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "operator-7", "s3cr3t-broker"], check=True)
    passwords.chmod(0o644)
    broker = make_mosquitto("allow_anonymous false", f"password_file {passwords}")
    (box / "token").write_text("s3cr3t-token-" + "0123456789" * 3)
    (box / "token").chmod(0o600)
    web = f'[web]\nport = {free_port}\ntoken_file = "token"\n'
    mqtt = f'[mqtt]\nport = {broker.port}\nat_start = "wait"\nconnect_timeout_s = 5\n'
    (box / "box.toml").write_text(CONFIG.replace("[mqtt]\n", mqtt).replace("[[camera]]", f"{web}[[camera]]"))
    log = box / "run.log"
    with log.open("wb") as file:
        arguments = [sys.executable, "-m", "edge", "run", "--config", str(box / "box.toml"), "--log-format", "json"]
        process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=file)
    try:
        eventually(lambda: "connected to the broker" in log.read_text(), 60)
        eventually(lambda: "the page is at" in log.read_text(), 60)
        out = box / "running.tar.gz"
        done = support(str(out), "--config", str(box / "box.toml"), "--log", str(log))
    finally:
        process.terminate()
        process.wait(30)
    assert done.returncode == 0, done.stderr
    found = members(out)
    told = json.loads(found["retained.json"])
    assert told["edgekit/v1/hall/box-1/status"]["state"] in {"online", "degraded"}
    assert told["edgekit/v1/hall/box-1/cameras/gate/status"]["camera"] == "gate"
    assert "edgekit_broker_connected 1.0" in found["metrics.txt"]
    everything = "\n".join(found.values())
    assert "s3cr3t" not in everything
    assert "operator-7" not in everything


def test_a_retained_message_that_nobody_can_read_stands_for_itself_and_ends_nothing(
    box: Path, make_mosquitto: Callable[..., Any]
):
    broker = make_mosquitto()
    (box / "box.toml").write_text(CONFIG.replace("[mqtt]\n", f"[mqtt]\nport = {broker.port}\n"))
    single("edgekit/v1/hall/box-1/status", b"[" * 100_000, qos=1, retain=True, hostname="127.0.0.1", port=broker.port)
    told = retained(load_config(box / "box.toml"))
    assert told == {"edgekit/v1/hall/box-1/status": "[" * 1000}


def test_a_box_that_is_not_whole_still_gets_its_archive(box: Path):
    (box / "outbox.sqlite").write_bytes(b"no database")
    out = box / "out.tar.gz"
    assert support(str(out), "--config", str(box / "box.toml")).returncode == 0
    assert "error" in json.loads(members(out)["outbox.json"])
    assert "error" in json.loads(members(out)["retained.json"])
    assert "no [web] part" in members(out)["metrics.txt"]


def test_of_a_configuration_that_nobody_understands_no_word_is_taken(box: Path):
    (box / "box.toml").write_text('pasword = "s3cr3t-broker"\n')
    out = box / "out.tar.gz"
    assert support(str(out), "--config", str(box / "box.toml"), "--log", str(box / "box.log")).returncode == 0
    everything = "\n".join(members(out).values())
    assert "s3cr3t" not in everything
    assert "edgekit config check" in everything


def test_a_place_that_cannot_be_written_is_one_clear_line(box: Path):
    done = support(str(box / "missing" / "out.tar.gz"), "--config", str(box / "box.toml"))
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("error: cannot write the support archive")


def test_what_is_no_secret_stays_as_it_is():
    assert (
        Scrubber(["hidden"]).scrub("camera gate: read 4006381333931, 12 ms") == "camera gate: read 4006381333931, 12 ms"
    )


def test_a_systemd_credential_is_a_secret_too(box: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(box))
    (box / "broker-login").write_text("s3cr3t-credential\n")
    text = CONFIG.replace('password_file = "password"', 'password_credential = "broker-login"')
    (box / "box.toml").write_text(text)
    assert "s3cr3t-credential" in secrets_of(load_config(box / "box.toml"))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    assert "operator-7" in secrets_of(load_config(box / "box.toml"))


def test_nobody_else_may_read_the_archive_from_its_first_byte_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def too_late(_path: Path, _mode: int) -> None:
        pytest.fail("its rights were made narrower after others could have opened it")

    monkeypatch.setattr(Path, "chmod", too_late)
    usual = os.umask(0)
    try:
        write_archive(tmp_path / "support.tar.gz", {"a.txt": "a"})
    finally:
        os.umask(usual)
    assert (tmp_path / "support.tar.gz").stat().st_mode & 0o777 == 0o600
