"""The kit's own wheel, made of the kit that runs here: a box gets what its payload was built with, to the byte.

Works for an editable install too, and needs neither the source's folder nor a build backend.
"""

import base64
import hashlib
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from importlib.resources import files
from pathlib import Path

PACKAGES = ("compress", "devices", "edge", "train")
_DOUBTFUL = ("__pycache__",)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip knows, so that the same files give the same bytes
_WHEEL = "Wheel-Version: 1.0\nGenerator: edgekit\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_METADATA = ("METADATA", "entry_points.txt")


def write_kit_wheel(folder: Path) -> Path:
    """Write the wheel of the installed kit.

    Source: the binary distribution format, PyPA specifications.
    """
    kit = distribution("edgekit")
    path = folder / f"edgekit-{kit.version}-py3-none-any.whl"
    name = f"edgekit-{kit.version}.dist-info"
    record: list[str] = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for member, content in (*_modules(), *_described(kit, name)):
            _add(wheel, member, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record.append(f"{member},sha256={digest},{len(content)}")
        _add(wheel, f"{name}/RECORD", "\n".join([*record, f"{name}/RECORD,,", ""]).encode())
    return path


def _modules() -> Iterator[tuple[str, bytes]]:
    for package in PACKAGES:
        root = Path(str(files(package)))
        for path in sorted(root.rglob("*")):
            if path.is_file() and not any(part in _DOUBTFUL for part in path.parts):
                yield f"{package}/{path.relative_to(root).as_posix()}", path.read_bytes()


def _described(kit: Distribution, name: str) -> Iterator[tuple[str, bytes]]:
    for file in _METADATA:
        yield f"{name}/{file}", (kit.read_text(file) or "").encode()
    yield f"{name}/WHEEL", _WHEEL.encode()


def _add(wheel: zipfile.ZipFile, member: str, content: bytes) -> None:
    info = zipfile.ZipInfo(member, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    wheel.writestr(info, content)
