"""Opens what boxes kept for the next training: sealed crops, which anybody could have made where no box signed them."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from devices.errors import EdgekitError
from edge.deploy.identity import load_chain
from edge.hard_cases.case import ENDING, MOST_BYTES, CaseRecord, HardCase, unseal
from edge.model.bundle import SomeManifest
from edge.model.classifier_manifest import ClassifierManifest
from edge.model.picture import decode_picture
from edge.model.picture_size import read_header
from edge.model.taxonomy import Taxonomy
from edge.new_folder import new_folder
from edge.tags.events import TagSource
from train.importing.bring import Origin
from train.sets import describe

RECORDS = "cases.jsonl"
TABLE = "labelled.csv"
_MOST_PIXELS = 25_000_000


@dataclass(frozen=True, slots=True)
class ImportedCases:
    """What came of an import: cases, by reason too, how many stand in `TABLE`, and a line for each left out."""

    cases: int
    reasons: Mapping[str, int]
    labelled: int
    skipped: tuple[str, ...]


def import_hard_cases(
    source: Path,
    out: Path,
    origin: Origin,
    opener: X25519PrivateKey,
    *,
    model: SomeManifest | None = None,
    authority: Path | None = None,
    skip_bad: bool = False,
) -> ImportedCases:
    """Write the cases of a folder as a set without labels, what the boxes said of each in `cases.jsonl` beside it.

    What a person has answered, or a code told, is in `labelled.csv` too, which `edgekit data import csv` takes.

    Args:
        source: The folder that was fetched from one or several boxes.
        out: The new set's folder; must not exist.
        origin: What the set says of itself.
        opener: The workstation's private key.
        model: Of whose classes, or attributes, all cases have to be; None: of one another's.
        authority: Who issues the boxes' certificates, PEM: each case has to be signed by the box that it names; None:
            anybody may have made them.
        skip_bad: Leave out what cannot be opened or read, instead of refusing.

    Raises:
        EdgekitError: A case cannot be opened, is of other classes, or there is none.
    """
    paths = sorted(path for path in source.rglob(f"*{ENDING}") if path.is_file())
    if not paths:
        raise EdgekitError(f"{source} holds no hard case (*{ENDING}): name the folder of [hard_cases] of a box")
    authorities = load_chain(authority) if authority is not None else None
    reasons, skipped = Counter[str](), list[str]()
    table: list[tuple[str, CaseRecord]] = []
    first: tuple[Path, CaseRecord] | None = None
    with new_folder(out) as folder:
        images = folder / "images" / "train"
        images.mkdir(parents=True)
        with (folder / RECORDS).open("w", encoding="utf-8") as records:
            for path in paths:
                try:
                    case = _open(path, opener, authorities)
                    _check(case.record, model, first)
                except EdgekitError as exc:
                    if not skip_bad:
                        raise EdgekitError(f"{path}: {exc}; leave such cases out: --skip-bad") from exc
                    skipped.append(f"{path}: {exc}")
                    continue
                first = first or (path, case.record)
                name = f"{len(table):06d}.jpg"  # nothing that a stranger may have written names a file
                (images / name).write_bytes(case.jpeg)
                records.write(f'{{"picture": "{name}", "case": {case.record.to_json()}}}\n')
                table.append((name, case.record))
                reasons.update(reason.value for reason in case.record.reasons)
        if first is None:
            raise EdgekitError(f"none of {len(paths)} cases can be opened: {skipped[0]}")
        labelled = _write_table(folder / TABLE, table, first[1].taxonomy)
        told = {"name": origin.name, "licence": origin.licence, "source": origin.source}
        describe(folder, **told, labelled=(), classes=first[1].classes)
    return ImportedCases(len(table), dict(sorted(reasons.items())), labelled, tuple(skipped))


def _open(path: Path, opener: X25519PrivateKey, authorities: Sequence[x509.Certificate] | None) -> HardCase:
    """Return a case whose picture can be decoded.

    Raises:
        EdgekitError: It cannot.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as exc:
        raise EdgekitError(f"it cannot be read ({exc.strerror})") from exc
    if len(content) > MOST_BYTES:
        raise EdgekitError(f"it has more than {MOST_BYTES} bytes, which no box writes")
    case = unseal(content, opener, authorities)
    header = read_header(case.jpeg)
    if header.content_type != "image/jpeg" or header.pixels > _MOST_PIXELS:
        raise EdgekitError(f"its picture is {header.content_type} of {header.pixels} pixels, which no box writes")
    decode_picture(case.jpeg, "its picture")
    return case


def _check(record: CaseRecord, model: SomeManifest | None, first: tuple[Path, CaseRecord] | None) -> None:
    """Check that a case is of the classes that all others are of.

    Raises:
        EdgekitError: It is of another bundle's.
    """
    if isinstance(model, ClassifierManifest):
        if record.taxonomy != model.taxonomy:
            raise EdgekitError(
                f"it is from a box whose classifier tells {_attributes(record.taxonomy)}, the bundle tells "
                f"{_attributes(model.taxonomy)}: name the bundle that the box ran"
            )
    elif model is not None and record.classes != model.classes:
        raise EdgekitError(
            f"it is from a box whose detector finds {', '.join(record.classes)}, the bundle finds "
            f"{', '.join(model.classes)}: name the bundle that the box ran"
        )
    if first is None:
        return
    there, other = first
    if (record.classes, record.taxonomy) != (other.classes, other.taxonomy):
        raise EdgekitError(
            f"it is of other classes ({', '.join(record.classes)}; {_attributes(record.taxonomy)}) than {there} "
            f"({', '.join(other.classes)}; {_attributes(other.taxonomy)}): import each bundle's cases by themselves"
        )


def _attributes(taxonomy: Taxonomy | None) -> str:
    told = [f"{one.name} of {len(one.values)} values" for one in taxonomy.attributes] if taxonomy is not None else []
    return ", ".join(told) or "nothing"


def _write_table(path: Path, table: Sequence[tuple[str, CaseRecord]], taxonomy: Taxonomy | None) -> int:
    """Write the pictures of which somebody knows what they show; return how many."""
    learnt = [one.name for one in taxonomy.learnt if not one.multiple] if taxonomy is not None else []
    rows = [(name, record, label) for name, record in table if (label := _label(record, learnt)) is not None]
    if learnt and rows:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["picture", "part", "group", *learnt])
            for name, record, label in rows:
                group = f"{record.site}-{record.box}-{record.camera}"
                writer.writerow([f"images/train/{name}", "train", group, *(label[key] for key in learnt)])
    return len(rows) if learnt else 0


def _label(record: CaseRecord, learnt: Sequence[str]) -> dict[str, str] | None:
    """Return the value of each learnt attribute where a person or a code told all of them."""
    told = {tag.key: tag.value for tag in record.tags if tag.source in (TagSource.BARCODE, TagSource.CATALOGUE)}
    told |= {"product": record.product} if record.product is not None else {}
    told |= record.answer or {}
    return {key: told[key] for key in learnt} if all(told.get(key) for key in learnt) else None
