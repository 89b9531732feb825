"""What a box.toml names, tried for real: bundle and engines, cameras, broker, folders."""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue

from devices.errors import EdgekitError
from edge.config import BoxConfig
from edge.doctor.finding import Finding, failure, fine, warning
from edge.doctor.providers import check_providers
from edge.doctor.start import check_start
from edge.model.bundle import Bundle, open_bundle
from edge.model.detector import ENGINE_OF, load_detector
from edge.video.frame import Frame
from edge.video.section import Camera
from edge.video.sources import open_source

_FRAME_S = 15.0  # an encoder's next key frame may be far away


def check_model(config: BoxConfig) -> Iterator[Finding]:
    """Verify the bundle, infer with every file of it on the engine that it is for, then load all as the box would."""
    try:
        bundle = open_bundle(config.bundle.path, config.bundle.trusted_keys)
    except EdgekitError as exc:
        yield failure("bundle", str(exc), "without a model that can be trusted the box does not start", "as it says")
        return
    yield fine("bundle", f"{bundle.manifest.name} {bundle.manifest.version}, release {bundle.manifest.release}")
    for model in bundle.manifest.models:
        yield _try_engine(bundle, ENGINE_OF[model.format], model.precision)
    yield from check_providers(bundle)
    yield from check_start(config, bundle)


def _try_engine(bundle: Bundle, backend: str, precision: str) -> Finding:
    check = f"{backend} {precision}"
    try:
        detector = load_detector(bundle, backend=backend, precision=precision, requests=1)  # type: ignore[arg-type]
    except EdgekitError as exc:
        return warning(
            check, str(exc), "this file of the bundle is of no use here", "choose another one in [inference]"
        )
    except ModuleNotFoundError as exc:
        return warning(check, f"{exc.name} is not installed", "this file of the bundle is of no use here", "install it")
    return fine(check, f"proved itself on the bundle's picture ({detector.info.device})")


def check_cameras(config: BoxConfig) -> Iterator[Finding]:
    """Get one picture of each camera, all at the same time, since each that is away costs its patience."""
    answers = [(camera, _first_frame(camera)) for camera in config.cameras]
    for camera, answer in answers:
        try:
            found = answer.get(timeout=_FRAME_S)
        except Empty:
            found = EdgekitError(f"camera {camera.name} gave no picture within {_FRAME_S:.0f} s")
        if isinstance(found, EdgekitError):
            yield failure(
                f"camera {camera.name}",
                str(found),
                "what passes before it is told as not seen",
                "check cable, address and login; the runtime goes on trying by itself",
            )
        else:
            yield fine(f"camera {camera.name}", f"{found.width}x{found.height}, time from {found.clock.value}")


def _first_frame(camera: Camera) -> "Queue[Frame | EdgekitError]":
    answer: Queue[Frame | EdgekitError] = Queue()

    def look() -> None:
        try:
            source = open_source(camera)
            with contextlib.closing(source):
                answer.put(next(iter(source.frames())))
        except EdgekitError as exc:
            answer.put(exc)
        except StopIteration:
            answer.put(EdgekitError(f"camera {camera.name} ended without a picture"))

    # A source may hang for good; a thread that nobody waits for ends with the doctor.
    threading.Thread(target=look, name=f"doctor-{camera.name}", daemon=True).start()
    return answer


def check_folders(config: BoxConfig) -> Iterator[Finding]:
    """See whether what the box has to write can be written, and what it has to read can be read, by this user."""
    written = {"outbox": config.outbox.path}
    if config.commands is not None:
        written["audit log"] = config.commands.audit_log
    for check, path in written.items():
        yield _writable(check, path)
    for check, secret in _secrets(config):
        if secret is not None:
            yield _guarded(check, secret)


def _secrets(config: BoxConfig) -> Iterator[tuple[str, Path | None]]:
    yield "password", config.mqtt.password_file
    for camera in config.cameras:
        yield f"password of {camera.name}", getattr(camera.source, "password_file", None)
    yield "broker key", config.mqtt.tls.key_file if config.mqtt.tls is not None else None
    if config.web is not None:
        yield "page token", config.web.token_file
        yield "page key", config.web.tls.key_file if config.web.tls is not None else None


def _writable(check: str, path: Path) -> Finding:
    target = path if path.exists() else path.parent
    if not target.exists():
        return failure(check, f"there is no folder {path.parent}", "the box does not start", "make it")
    if not os.access(target, os.W_OK):
        return failure(
            check,
            f"{target} may not be written by user {os.getuid()}",
            "the box does not start",
            "run the doctor as the service's user, or give the folder to it",
        )
    return fine(check, f"{path} can be written")


def _guarded(check: str, path: Path) -> Finding:
    try:
        rights = path.stat().st_mode & 0o777
    except OSError as exc:
        return failure(check, f"{path}: {exc.strerror}", "the box does not start", "put it there, mode 0600")
    if rights & 0o077:
        return warning(
            check, f"{path} may be read by others (mode {rights:o})", "whoever reads it is the box", f"chmod 600 {path}"
        )
    return fine(check, f"{path} is its owner's alone")
