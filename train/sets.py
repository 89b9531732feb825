"""Public detection sets in the kit's form: where they come from, and how they are described once they are here."""

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from devices.errors import EdgekitError
from edge.evaluate.dataset import (
    ALL_SPLITS,
    DESCRIPTION,
    PICTURES,
    SPLITS,
    DetectionSet,
    SetDescription,
    open_set,
)
from edge.evaluate.labels import label_rows

CLASSES = ("carton", "barcode", "qr")


@dataclass(frozen=True, slots=True)
class KnownSet:
    """A public set that `data get` can bring into the kit's form.

    Attributes:
        folder: Its folder where the data lies.
        licence: Of the pictures that are taken.
        source: Where they come from.
        class_names: The kit's class by the set's own class id.
        prefixes: Only pictures whose names begin so; empty for all.
    """

    folder: str
    licence: str
    source: str
    class_names: Mapping[int, str]
    prefixes: tuple[str, ...] = ()


KNOWN: Mapping[str, KnownSet] = MappingProxyType(
    {
        "warehouse-boxes": KnownSet(
            "warehouse-boxes",
            "CC-BY-4.0",
            "Roboflow Universe box-fh0kz/boxes-ou3c2, through qadeersan/ML-Pallet-Box-Counter",
            MappingProxyType({0: "carton"}),
        ),
        "barcode-qr": KnownSet(
            "barcode-qr",
            "CC-BY-3.0 AND LicenseRef-unstated",
            "ArTe-Lab 1D and QR pictures, through WalidAlsafadi/BarCode-Detection-Decoding",
            MappingProxyType({0: "barcode", 1: "qr"}),
        ),
        "arte-lab-1d": KnownSet(
            "barcode-qr",
            "CC-BY-3.0",
            "ArTe-Lab 1D, through WalidAlsafadi/BarCode-Detection-Decoding",
            MappingProxyType({0: "barcode", 1: "qr"}),
            ("0510", "Foto", "PI"),
        ),
    }
)


def get_known(name: str, data: Path, out: Path) -> DetectionSet:
    """Copy a known public set into the kit's form.

    Args:
        name: One of `KNOWN`.
        data: The folder that holds the set's folder.
        out: The new set's folder; must not exist.

    Raises:
        EdgekitError: The name is unknown, the set is not there, a label is not valid, or `out` exists.
    """
    known = KNOWN.get(name)
    if known is None:
        raise EdgekitError(f"there is no known set {name!r}: `edgekit data get --help` lists them")
    origin = data / known.folder
    if not (origin / "images").is_dir():
        raise EdgekitError(f"{origin} does not hold the set {name}: give the folder above it with --from")
    if out.exists():
        raise EdgekitError(f"{out} exists: remove it or choose another folder")
    partial = out.with_name(out.name + ".partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        count = sum(_copy_split(known, origin, partial, split) for split in SPLITS)
        if count == 0:
            raise EdgekitError(f"{origin} holds no picture of the set {name}")
        taken = tuple(name for name in CLASSES if name in known.class_names.values())
        describe(partial, name=name, licence=known.licence, source=known.source, labelled=taken)
        partial.rename(out)
    except OSError as exc:
        raise EdgekitError(f"cannot copy {origin} to {out}: {exc.strerror or exc}") from exc
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return open_set(out)


def describe(
    folder: Path,
    *,
    name: str,
    licence: str,
    source: str,
    labelled: tuple[str, ...],
    classes: tuple[str, ...] = CLASSES,
) -> None:
    """Write `dataset.json` for the pictures and labels that lie in a folder."""
    splits = [folder / "images" / split for split in ALL_SPLITS]
    pictures = sum(path.suffix.lower() in PICTURES for split in splits for path in split.glob("*"))
    description = SetDescription(
        name=name,
        licence=licence,
        source=source,
        classes=classes,
        labelled=labelled,
        pictures=pictures,
        digest=digest_of(folder),
    )
    (folder / DESCRIPTION).write_text(description.model_dump_json(indent=2, by_alias=True) + "\n", encoding="utf-8")


def digest_of(folder: Path) -> str:
    """Return sha256 over the names and contents of all pictures and labels of a set, in the order of their names."""
    files = [path for part in ("images", "labels") for path in (folder / part).rglob("*") if path.is_file()]
    return digest_of_files({path.relative_to(folder).as_posix(): path for path in files})


def digest_of_files(files: Mapping[str, Path]) -> str:
    """Return sha256 over names and contents of files, in the order of their paths."""
    total = hashlib.sha256()
    for name, path in sorted(files.items(), key=lambda entry: entry[1]):
        total.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def _copy_split(known: KnownSet, origin: Path, out: Path, split: str) -> int:
    """Copy the pictures of a split and rewrite their labels; return how many."""
    pictures = [path for path in sorted((origin / "images" / split).glob("*")) if path.suffix.lower() in PICTURES]
    stems = {path.stem for path in pictures}
    for label in sorted((origin / "labels" / split).glob("*.txt")):
        if label.stem not in stems:
            raise EdgekitError(f"{label} has no picture: the download is not whole")
    if known.prefixes:
        pictures = [path for path in pictures if path.name.startswith(known.prefixes)]
    (out / "images" / split).mkdir(parents=True)
    (out / "labels" / split).mkdir(parents=True)
    for picture in pictures:
        rows = label_rows(origin / "labels" / split / f"{picture.stem}.txt", max(known.class_names) + 1)
        lines = [
            f"{CLASSES.index(known.class_names[class_id])} {' '.join(f'{value:.6f}' for value in box)}\n"
            for class_id, box in rows
        ]
        shutil.copyfile(picture, out / "images" / split / picture.name)
        (out / "labels" / split / f"{picture.stem}.txt").write_text("".join(lines), encoding="utf-8")
    return len(pictures)
