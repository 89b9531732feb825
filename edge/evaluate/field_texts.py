"""How surely printed fields are read, on pictures whose texts are known to the letter."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from pydantic import BaseModel, ConfigDict

from devices.errors import EdgekitError
from devices.validation import read_json
from edge.model.picture import read_picture
from edge.tags.field_reader import FieldReader
from edge.tags.fields import FIELDS, normalised


class KnownRegion(BaseModel):
    """A region whose text is known; its outline in pixels."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: str
    text: str
    outline: tuple[tuple[float, float], ...]


class KnownRegions(BaseModel):
    """All of one picture."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    regions: tuple[KnownRegion, ...]


@dataclass(frozen=True, slots=True)
class FieldScore:
    """How one field was read.

    Attributes:
        field: Which.
        regions: How many there were.
        unclear: How many of them bear a text that could mean two things, as `05/11/2026` does, and have to be absent.
        exact: Read as they are.
        wrong: Read as something else, or told where the text is unclear.
        ms: Median milliseconds a region.
    """

    field: str
    regions: int
    unclear: int
    exact: int
    wrong: int
    ms: float


@dataclass(frozen=True, slots=True)
class _Result:
    """What a region says and what was read there, both in the field's one form, None for nothing."""

    truth: str | None
    read: str | None
    ms: float


def score_fields(folder: Path, split: str) -> list[FieldScore]:
    """Read every field region of a rendered set's split, and hold it against its text.

    Raises:
        EdgekitError: The set has no known texts, or the extra is not installed.
    """
    files = sorted((folder / "regions" / split).glob("*.json"))
    if not files:
        raise EdgekitError(f"{folder} has no regions/{split}: render one by edgekit data synth shelves")
    reader = FieldReader()
    results: dict[str, list[_Result]] = {}
    for file in files:
        known = read_json(file, KnownRegions, "picture's regions", "render the set anew")
        image = read_picture(folder / "images" / split / f"{file.stem}.jpg")
        for region in known.regions:
            if region.kind not in FIELDS:
                continue
            truth = normalised(region.kind, region.text)
            outline = np.array(region.outline, np.float32)
            began = time.perf_counter()
            read = reader.read(image, region.kind, np.concatenate([outline.min(axis=0), outline.max(axis=0)]))
            spent_ms = (time.perf_counter() - began) * 1000
            results.setdefault(region.kind, []).append(_Result(truth, read.value if read else None, spent_ms))
    return [_score(field, results[field]) for field in FIELDS if field in results]


def _score(field: str, results: Sequence[_Result]) -> FieldScore:
    told = [one for one in results if one.read is not None]
    exact = sum(one.read == one.truth for one in told)
    unclear = sum(one.truth is None for one in results)
    spent_ms = round(median(one.ms for one in results), 1)
    return FieldScore(field, len(results), unclear, exact, len(told) - exact, spent_ms)
