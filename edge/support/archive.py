"""Gathers what somebody far away needs to know about a box, into one archive without secrets."""

import gzip
import io
import json
import os
import platform
import shutil
import sqlite3
import tarfile
from collections import deque
from collections.abc import Mapping
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from devices.errors import EdgekitError
from edge.config import BoxConfig, load_config
from edge.model.bundle import open_bundle
from edge.support.running import metrics, retained
from edge.support.secrets import Scrubber, secrets_of

_PACKAGES = (
    "edgekit",
    "openvino",
    "onnxruntime",
    "onnxruntime-gpu",
    "opencv-python-headless",
    "numpy",
    "av",
    "paho-mqtt",
    "zxing-cpp",
)
_MOST_LOG_LINES = 2000
_MOST_LOG_LINE = 4000
_MOST_MANIFEST_BYTES = 1_000_000


def gather(config_file: Path, log: Path | None) -> dict[str, str]:
    """Return the archive's members by name, secrets taken out.

    A part that cannot be had says why in its own place: a box that asks for help is not whole.

    Args:
        config_file: The box.toml.
        log: A file with the box's log, None for none.

    Raises:
        EdgekitError: The log that was asked for cannot be read.
    """
    lines = _last_lines(log) if log is not None else None
    members: dict[str, str] = {"versions.json": _json(_versions()), "system.json": _json(_system())}
    try:
        config = load_config(config_file)
    except EdgekitError:
        # Neither the file nor the message, which quotes it: where nothing is understood, any word may be a secret.
        members["config.txt"] = "the configuration is not valid: run `edgekit config check` on the box"
        if lines is not None:
            members["log.txt"] = "left out: without a valid configuration its secrets cannot be told from other words"
        return members
    scrubber = Scrubber(secrets_of(config))
    members["config.json"] = _json(_without_secrets(config.model_dump(mode="json", by_alias=True), scrubber))
    members["bundle.txt"] = scrubber.scrub(_bundle(config))
    members["manifest.json"] = scrubber.scrub(_manifest(config))
    members["outbox.json"] = _json(_without_secrets(_outbox(config.outbox.path), scrubber))
    members["retained.json"] = _json(_without_secrets(_retained(config), scrubber))
    members["metrics.txt"] = scrubber.scrub(_metrics(config))
    if lines is not None:
        members["log.txt"] = scrubber.scrub(lines)
    return members


def write_archive(path: Path, members: Mapping[str, str]) -> None:
    """Write members as a .tar.gz that its owner alone may read; nothing is left where that fails.

    Raises:
        EdgekitError: The file cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with (
            open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file,  # noqa: PTH123 - by descriptor
            gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w") as tar,
        ):
            for name, text in members.items():
                content = text.encode("utf-8", errors="replace")
                entry = tarfile.TarInfo(f"edgekit-support/{name}")
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
        partial.replace(path)
    except OSError as exc:
        raise EdgekitError(f"cannot write the support archive {path}: {exc.strerror}; name another place") from exc
    finally:
        partial.unlink(missing_ok=True)


def _json(content: object) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _without_secrets(value: Any, scrubber: Scrubber) -> Any:
    match value:
        case str():
            return scrubber.scrub(value)
        case dict():
            return {key: _without_secrets(item, scrubber) for key, item in value.items()}
        case list():
            return [_without_secrets(item, scrubber) for item in value]
        case _:
            return value


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _system() -> dict[str, object]:
    facts: dict[str, object] = {
        "platform": platform.platform(),
        "machine": platform.machine(),
        "processors": len(os.sched_getaffinity(0)),
        "load": os.getloadavg(),
        "video_devices": sorted(str(node) for node in Path("/dev").glob("video*")),
    }
    for name, file in {"os_release": "/etc/os-release", "memory": "/proc/meminfo", "uptime": "/proc/uptime"}.items():
        try:
            facts[name] = Path(file).read_text(encoding="utf-8").splitlines()[:10]
        except OSError as exc:
            facts[name] = f"cannot be read: {exc.strerror}"
    return facts


def _bundle(config: BoxConfig) -> str:
    try:
        bundle = open_bundle(config.bundle.path, config.bundle.trusted_keys)
    except EdgekitError as exc:
        return f"not usable: {exc}\n"
    return f"verified: {bundle.manifest.name} {bundle.manifest.version}, digest {bundle.digest}\n"


def _manifest(config: BoxConfig) -> str:
    try:
        with (config.bundle.path / "manifest.json").open("rb") as file:
            return file.read(_MOST_MANIFEST_BYTES).decode("utf-8", errors="replace")
    except OSError as exc:
        return f"cannot be read: {exc.strerror}\n"


def _retained(config: BoxConfig) -> dict[str, object]:
    try:
        return dict(retained(config))
    except EdgekitError as exc:
        return {"error": str(exc)}


def _metrics(config: BoxConfig) -> str:
    try:
        return metrics(config.web)
    except EdgekitError as exc:
        return f"not to be had: {exc}\n"


def _outbox(path: Path) -> dict[str, object]:
    """Count what an outbox holds, reading only, since a box may be running on it; no event's content."""
    try:
        facts: dict[str, object] = {"bytes": path.stat().st_size, "free_bytes": shutil.disk_usage(path.parent).free}
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=2.0)) as connection:
            waiting = connection.execute(
                "SELECT camera, count(*), min(seq), max(seq), min(captured_at) FROM events GROUP BY camera"
            ).fetchall()
            last = connection.execute("SELECT camera, last_seq FROM cameras").fetchall()
    except (OSError, sqlite3.Error) as exc:
        return {"error": str(exc)}
    names = ("camera", "events", "first_seq", "last_seq", "oldest")
    facts["waiting"] = [dict(zip(names, row, strict=True)) for row in waiting]
    facts["last_seq"] = dict(last)
    return facts


def _last_lines(log: Path) -> str:
    try:
        with log.open(encoding="utf-8", errors="replace") as file:
            return "".join(line[:_MOST_LOG_LINE] for line in deque(file, _MOST_LOG_LINES))
    except OSError as exc:
        raise EdgekitError(f"cannot read the log {log}: {exc.strerror}; check --log") from exc
