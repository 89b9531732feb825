"""Pictures that cannot be read or have no labels, labels that have no picture or are none."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from edge.evaluate.dataset import ALL_SPLITS, DetectionSet
from train.check.findings import Finding
from train.check.look import Look


def file_findings(opened: DetectionSet, looks: Sequence[Look]) -> Iterator[Finding]:
    """Yield what is wrong with the files of a set."""
    for look in looks:
        if look.view is None:
            detail = look.fault.replace(f"{look.path} ", "", 1)
            yield Finding("unreadable", (look.name,), detail, "get the file again from where it came", (look.name,))
        if look.labels is None:
            remedy = "label the picture, or declare it background by an empty label file"
            detail = f"{_below(opened, opened.label_file(look.path))} is missing"
            yield Finding("no-label-file", (look.name,), detail, remedy, (look.name,))
        for fault in look.label_faults:
            file = _below(opened, opened.label_file(look.path))
            yield Finding("label-fault", (look.name,), f"{file}, {fault}", "mend the row", (look.name,))
    for split in ALL_SPLITS:
        for orphan in opened.orphans(split):
            name = _below(opened, orphan)
            yield Finding("no-picture", (name,), "has no picture", "bring its picture, or remove it", (name,))
        for twins in opened.twins(split):
            names = tuple(_below(opened, path) for path in twins)
            detail = f"{' and '.join(path.name for path in twins)} would share one label file"
            yield Finding("twins", names, detail, "rename one of them, and give it labels of its own", names)


def _below(opened: DetectionSet, path: Path) -> str:
    return path.relative_to(opened.folder).as_posix()
