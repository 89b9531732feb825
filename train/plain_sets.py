"""Public files that are no set to train on, photos of codes and videos: copied as they are, with their origin."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from devices.errors import EdgekitError
from edge.model.manifest import Sha256
from edge.new_folder import new_folder
from train.locks import files_of
from train.sets import digest_of_files

ORIGIN = "origin.json"


class FilesOrigin(BaseModel):
    """`origin.json`: where files come from, under which licence, and what their bytes are."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_id: Literal["edgekit.files/1"] = Field(default="edgekit.files/1", alias="schema")
    name: str
    licence: str = Field(description="SPDX expression")
    source: str
    files: PositiveInt
    digest: Sha256 = Field(description="over names and contents of all files but this one")


@dataclass(frozen=True, slots=True)
class PlainSet:
    """Public files: the licence they are under, where they come from, and a file without which they are not whole."""

    licence: str
    source: str
    needs: str


PLAIN: Mapping[str, PlainSet] = MappingProxyType(
    {
        "barcode-decode": PlainSet("Apache-2.0", "zxing/zxing and zxing-cpp/zxing-cpp, test pictures", "manifest.csv"),
        "video": PlainSet("CC-BY-4.0", "intel-iot-devkit/sample-videos", "bottle-detection.mp4"),
    }
)


def get_plain(name: str, data: Path, out: Path) -> FilesOrigin:
    """Copy public files, and write `origin.json` beside them.

    Args:
        name: One of `PLAIN`.
        data: The folder that holds their folder.
        out: The new folder; must not exist.

    Raises:
        EdgekitError: They are not there, hold a link, or `out` exists or cannot be written.
    """
    known, origin = PLAIN[name], data / name
    if not (origin / known.needs).is_file():
        raise EdgekitError(f"{origin} does not hold {name}, with its {known.needs}: give the folder above with --from")
    paths = [path for path in files_of(origin) if path != origin / ORIGIN]
    with new_folder(out) as folder:
        for path in paths:
            target = folder / path.relative_to(origin)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        copies = {path.relative_to(origin).as_posix(): folder / path.relative_to(origin) for path in paths}
        told = FilesOrigin(
            name=name,
            licence=known.licence,
            source=known.source,
            files=len(copies),
            digest=digest_of_files(copies),
        )
        (folder / ORIGIN).write_text(told.model_dump_json(indent=2, by_alias=True) + "\n", encoding="utf-8")
    return told
