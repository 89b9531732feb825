"""A bundle on disk: built whole or not at all, and opened only when every byte is what its signer signed."""

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Generic, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ValidationError
from typing_extensions import TypeVar

from devices.errors import EdgekitError
from devices.validation import explain
from edge.model.classifier_manifest import ClassifierManifest
from edge.model.engine import ModelContent
from edge.model.manifest import BundleManifest, FileEntry, Manifest, ModelFile
from edge.model.onnx_scan import scan_onnx
from edge.model.signature import load_trusted
from edge.plain_file import open_plain

MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
MOST_MANIFEST_BYTES = 1 << 20


AnyManifest = TypeVar("AnyManifest", bound=BundleManifest, default=Manifest)
SomeManifest = Manifest | ClassifierManifest


@dataclass(frozen=True, slots=True)
class Bundle(Generic[AnyManifest]):
    """A bundle whose signature and files were verified.

    Attributes:
        directory: Where it lies.
        manifest: What it says of itself.
        digest: sha256 over the manifest's exact bytes; names the model in every event.
    """

    directory: Path
    manifest: AnyManifest
    digest: str

    def read(self, path: str) -> bytes:
        """Return a file's bytes, checked against the manifest as they are read: a file may change after `open_bundle`.

        Raises:
            EdgekitError: The file is gone, or is not what was signed.
        """
        entry = next((entry for entry in self.manifest.files if entry.path == path), None)
        if entry is None:
            raise EdgekitError(f"the manifest of {self.directory} lists no {path}: rebuild it")
        content = _read_at_most(self.directory / path, entry.size)
        _check_content(self.directory / path, content, entry)
        return content

    def model(self, model: ModelFile) -> ModelContent:
        """Return a model file's bytes, with the weights that lie beside an .xml.

        Raises:
            EdgekitError: As `read`, or an ONNX file holds what no runtime of a box should see.
        """
        content = self.read(model.path)
        # OpenVINO reads ONNX files too, under any name and beside any weights; none begins as XML does.
        if model.format == "onnx" or not content.startswith(b"<"):
            scan_onnx(content, str(self.directory / model.path))
        weights = self.read(str(PurePosixPath(model.path).with_suffix(".bin"))) if model.path.endswith(".xml") else None
        return ModelContent(str(self.directory / model.path), content, weights)

    def find(self, format_: str, precision: str) -> ModelFile | None:
        """Return the model file of a format and a precision (`auto`: INT8 before FP32), None where there is none."""
        wanted = ("int8", "fp32") if precision == "auto" else (precision,)
        for choice in wanted:
            for model in self.manifest.models:
                if (model.format, model.precision) == (format_, choice):
                    return model
        return None


ClassifierBundle = Bundle[ClassifierManifest]


class _Task(BaseModel):
    """The one key of a manifest that says how to read the others."""

    task: Literal["detect", "classify"]


def build_bundle(
    out: Path, manifest: AnyManifest, members: Mapping[str, bytes], key: Ed25519PrivateKey
) -> Bundle[AnyManifest]:
    """Write a signed bundle; the folder appears whole or not at all.

    Args:
        out: The new folder.
        manifest: All but `files`, which is filled in here.
        members: Contents by their path in the bundle.
        key: Signs the manifest.

    Raises:
        EdgekitError: `out` exists or cannot be written.
    """
    if out.exists():
        raise EdgekitError(f"{out} exists: remove it or choose another folder")
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        entries: list[FileEntry] = []
        for path, member in sorted(members.items()):
            target = partial / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(member)
            entries.append(FileEntry(path=path, sha256=hashlib.sha256(member).hexdigest(), size=len(member)))
        content = manifest.model_copy(update={"files": tuple(entries)}).to_bytes()
        (partial / MANIFEST).write_bytes(content)
        (partial / SIGNATURE).write_bytes(key.sign(content))
        partial.rename(out)
    except OSError as exc:
        raise EdgekitError(f"cannot build {out}: {exc}") from exc
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Bundle(out, manifest.model_copy(update={"files": tuple(entries)}), hashlib.sha256(content).hexdigest())


def open_bundle(directory: Path, trusted_keys: Sequence[Path]) -> Bundle:
    """Open a detector's bundle: the signature first, then the manifest, then every file.

    Args:
        directory: The bundle's folder.
        trusted_keys: Public keys of which one must have signed it.

    Raises:
        EdgekitError: Any byte is not what a trusted signer signed, a file is missing, added or no plain file, or the
            bundle is a classifier's.
    """
    opened = open_any_bundle(directory, trusted_keys)
    if not isinstance(opened.manifest, Manifest):
        raise EdgekitError(f"{directory} is a classifier's bundle, where a detector's is needed")
    return Bundle(opened.directory, opened.manifest, opened.digest)


def open_classifier_bundle(directory: Path, trusted_keys: Sequence[Path]) -> ClassifierBundle:
    """Open a classifier's bundle, as `open_bundle` does a detector's.

    Raises:
        EdgekitError: As `open_bundle`, or the bundle is a detector's.
    """
    opened = open_any_bundle(directory, trusted_keys)
    if not isinstance(opened.manifest, ClassifierManifest):
        raise EdgekitError(f"{directory} is a detector's bundle, where a classifier's is needed")
    return Bundle(opened.directory, opened.manifest, opened.digest)


def open_any_bundle(directory: Path, trusted_keys: Sequence[Path]) -> Bundle[SomeManifest]:
    """Open a bundle, whatever its models do, as `open_bundle` does.

    Raises:
        EdgekitError: As `open_bundle`.
    """
    if not directory.is_dir():
        raise EdgekitError(f"there is no bundle at {directory}: check path in [bundle], or what --bundle names")
    present = _plain_files(directory)
    content = _read_small(directory, MANIFEST, present)
    signature = _read_small(directory, SIGNATURE, present)
    manifest = signed_manifest(content, signature, trusted_keys, directory)
    _check_files(directory, manifest, present)
    return Bundle(directory, manifest, hashlib.sha256(content).hexdigest())


def signed_manifest(content: bytes, signature: bytes, trusted_keys: Sequence[Path], where: Path) -> SomeManifest:
    """Return a manifest once its signature holds; nothing of it is parsed before.

    Args:
        content: Its exact bytes.
        signature: Over them.
        trusted_keys: Public keys, or folders of them, of which one must have made it.
        where: The bundle, for messages.

    Raises:
        EdgekitError: No key is named or can be read, none of them signed it, or it is no manifest of this version.
    """
    if not trusted_keys:
        raise EdgekitError(f"no key says whether {where} can be trusted: name one in trusted_keys of [bundle]")
    trusted = load_trusted(trusted_keys)
    if trusted.signer(content, signature) is None:
        revoked = trusted.revoked_signer(content, signature)
        if revoked is not None:
            raise EdgekitError(
                f"{where} is signed by key {revoked}, which was revoked: have it signed anew by a key that is trusted, "
                "see `edgekit bundle sign`"
            )
        names = ", ".join(path.name for path in trusted_keys)
        raise EdgekitError(
            f"the manifest of {where} is not signed by {names}: it was changed after signing, or another key "
            "signed it; copy the bundle again, or trust its signer's key"
        )
    return _parse(content, where)


def _parse(content: bytes, where: Path) -> SomeManifest:
    form: type[SomeManifest | _Task] = _Task
    try:
        form = ClassifierManifest if _Task.model_validate_json(content).task == "classify" else Manifest
        return form.model_validate_json(content)
    except ValidationError as exc:
        faults = explain(exc, form)
        raise EdgekitError(f"the manifest of {where} is not one this version knows: {faults}") from exc


def _plain_files(directory: Path) -> dict[str, int]:
    """Return the size of every file by its path; anything that is no plain file or folder is refused."""
    found: dict[str, int] = {}
    for folder, folders, files in os.walk(directory):
        for name in (*folders, *files):
            path = Path(folder) / name
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise EdgekitError(f"{path} is a link or a device: a bundle holds plain files only")
        found |= {
            (Path(folder) / name).relative_to(directory).as_posix(): (Path(folder) / name).stat().st_size
            for name in files
        }
    return found


def _read_small(directory: Path, name: str, present: Mapping[str, int]) -> bytes:
    if name not in present:
        raise EdgekitError(f"{directory} is no bundle: {name} is missing")
    if present[name] > MOST_MANIFEST_BYTES:
        raise EdgekitError(f"{directory}/{name} has {present[name]} bytes, more than any manifest needs")
    return _read_at_most(directory / name, present[name])


def _check_files(directory: Path, manifest: BundleManifest, present: Mapping[str, int]) -> None:
    listed = {entry.path: entry for entry in manifest.files}
    for path in sorted(present.keys() - listed.keys() - {MANIFEST, SIGNATURE}):
        raise EdgekitError(f"{directory}/{path} is not in the manifest: remove it, or copy the bundle again")
    for path, entry in sorted(listed.items()):
        if path not in present:
            raise EdgekitError(f"{directory}/{path} is missing: copy the bundle again")
        _check_content(directory / path, _read_at_most(directory / path, entry.size), entry)
    for path in (*(model.path for model in manifest.models), manifest.self_test_picture):
        if path not in listed:
            raise EdgekitError(f"the manifest of {directory} names {path}, which is not among its files: rebuild it")


def _read_at_most(path: Path, size: int) -> bytes:
    """Return a plain file's bytes, one more than `size` at most, so that a file that grew is seen and not swallowed."""
    try:
        with open_plain(path) as file:
            return file.read(size + 1)
    except OSError as exc:
        raise EdgekitError(f"cannot read {path}: {exc.strerror}") from exc


def _check_content(path: Path, content: bytes, entry: FileEntry) -> None:
    if len(content) != entry.size or hashlib.sha256(content).hexdigest() != entry.sha256:
        raise EdgekitError(
            f"{path} does not match the manifest: it was changed after signing; copy the bundle again or rebuild it"
        )
