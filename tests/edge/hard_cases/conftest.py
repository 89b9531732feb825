"""Events with the pictures that they were decided on, and a workstation's key pair."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.hard_cases.keeper import CaseKeeper, Origin
from edge.hard_cases.section import HardCases
from edge.sealing import create_sealing_key
from edge.tags.events import EventKind, Evidence, NoReadReason, Region, Tag, TagEvent, TagSource
from edge.video.frame import ClockSource, Frame

NOON = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)
CLASSES = ("carton", "barcode", "qr")


@dataclass(frozen=True)
class Keys:
    private: Path
    public: Path


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    made = Keys(tmp_path / "workstation.key", tmp_path / "workstation.pub")
    create_sealing_key(made.private, made.public)
    return made


@pytest.fixture
def event() -> Callable[..., TagEvent]:
    """Make an event of one bright parcel on a dark frame; a no-read unless told."""

    def make(
        *tags: Tag, kind: EventKind = EventKind.NO_READ, score: float = 0.9, margin: float | None = None
    ) -> TagEvent:
        image = np.full((240, 320, 3), 20, np.uint8)
        image[80:160, 100:200] = 220
        frame = Frame("belt", 7, NOON, ClockSource.HOST, 1.0, 1.0, image)
        box = (100.0, 80.0, 200.0, 160.0)
        return TagEvent(
            camera="belt",
            kind=kind,
            captured_at=NOON,
            clock=ClockSource.HOST,
            arrived_s=1.0,
            frame_index=7,
            frame_size=(320, 240),
            zone="exit",
            track_id=3,
            regions=(Region("carton", score, box),),
            tags=(Tag("class", "carton", score, TagSource.DETECTOR), *tags),
            reason=NoReadReason.BLURRED if kind is EventKind.NO_READ else None,
            evidence=Evidence(frame, box, margin),
        )

    return make


@pytest.fixture
def make_keeper(tmp_path: Path, keys: Keys) -> Callable[..., CaseKeeper]:
    """Make a keeper into `cases`, not started; keyword arguments change its settings."""

    def make(classes: tuple[str, ...] = CLASSES, **changes: Any) -> CaseKeeper:
        settings = HardCases(folder=tmp_path / "cases", recipient=keys.public, **changes)
        return CaseKeeper(settings, Origin("hall", "box-1", lambda: classes, lambda: None))

    return make
