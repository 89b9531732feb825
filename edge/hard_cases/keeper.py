"""Takes events on their way to the outbox, and keeps the crops that are worth it, in a thread that nobody waits for."""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Full, Queue

import cv2
import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from numpy.typing import NDArray

from devices.errors import EdgekitError
from edge.credentials import credential_file
from edge.hard_cases.case import CaseRecord, CaseRegion, CaseTag, HardCase, seal
from edge.hard_cases.judging import Reason, reasons_of
from edge.hard_cases.proof import CaseSigner
from edge.hard_cases.section import HardCases
from edge.hard_cases.vault import Vault
from edge.model.bundle import ClassifierBundle
from edge.sealing import load_recipient
from edge.tags.catalogue import Catalogue
from edge.tags.events import Evidence, TagEvent, Xyxy

_log = logging.getLogger(__name__)

_ROOM = 0.15  # of the box's sides, kept around it: labels at the edge, and what a person needs to see
_MOST_SIDE = 1280
_QUALITY = 92
_MOST_WAITING = 16
_TAKE_S = 0.2
_MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose pictures these are.

    Attributes:
        site: Of the box.
        box: Its name.
        classes: Returns the detector's, as it is now.
        classifier: Returns the classifier's bundle, as it is now, None where there is none.
    """

    site: str
    box: str
    classes: Callable[[], tuple[str, ...]]
    classifier: Callable[[], ClassifierBundle | None]


@dataclass(frozen=True, slots=True, eq=False)
class CaseCrop:
    """A crop in memory of its own, (h, w, 3) uint8 BGR, and where in the frame it begins."""

    image: NDArray[np.uint8]
    left: int
    top: int

    @property
    def scale(self) -> float:
        """By which it is kept smaller than it was."""
        return min(1.0, _MOST_SIDE / max(self.image.shape[:2]))


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    event: TagEvent
    crop: CaseCrop
    reasons: tuple[Reason, ...]
    answer: dict[str, str] | None = None


class CaseKeeper:
    """Keeps hard cases from `start` to `stop`. `offer` may be called from any thread, and returns at once.

    Args:
        settings: What is kept, and how much.
        origin: Whose pictures they are.
        clock: Returns monotonic seconds.

    Raises:
        EdgekitError: The recipient's key or the box's identity cannot be used, or the folder cannot be made.
    """

    def __init__(self, settings: HardCases, origin: Origin, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._origin = origin
        self._clock = clock
        self._recipient: X25519PublicKey = load_recipient(settings.recipient)
        named = settings.identity_credential
        self._signer = CaseSigner(credential_file(named)) if named is not None else None
        self._vault = _open_vault(settings.folder, settings)
        self._queue: Queue[_Waiting] = Queue(_MOST_WAITING)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="hard-cases", daemon=True)
        self._taken_s: deque[float] = deque(maxlen=settings.most_a_minute)
        self._counting = threading.Lock()
        self._kept: Counter[str] = Counter()
        self._missed: Counter[str] = Counter()

    @property
    def kept(self) -> dict[str, int]:
        """Cases that were kept in this run, by reason; one may have several."""
        with self._counting:
            return {reason.value: self._kept[reason.value] for reason in Reason}

    @property
    def missed(self) -> dict[str, int]:
        """Cases that were not kept, or not for long, by cause."""
        with self._counting:
            missed = {cause: self._missed[cause] for cause in ("pace", "busy", "disk")}
        return {**missed, "bound": self._vault.discarded}

    @property
    def files(self) -> int:
        """Cases on disk."""
        return self._vault.files

    @property
    def size_bytes(self) -> int:
        """Of all cases on disk."""
        return self._vault.size_bytes

    def start(self) -> None:
        """Begin to keep."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Write what waits, as far as the time goes."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def offer(self, events: Sequence[TagEvent], catalogue: Catalogue) -> None:
        """Look whether events are hard cases, and leave those that are for the thread; never waits, never fails."""
        for event in events:
            evidence = event.evidence
            reasons = reasons_of(event, catalogue, self._settings)
            if evidence is None or not reasons:
                continue
            if not self._in_pace():
                self._miss("pace")
            else:
                self._leave(_Waiting(event, crop_of_case(evidence), reasons))

    def keep_answer(self, event: TagEvent, crop: CaseCrop, answer: dict[str, str]) -> None:
        """Keep what a person has judged."""
        self._leave(_Waiting(event, crop, (Reason.AUDIT,), answer))

    def _in_pace(self) -> bool:
        now_s = self._clock()
        with self._counting:
            if len(self._taken_s) == self._taken_s.maxlen and now_s - self._taken_s[0] < _MINUTE_S:
                return False
            self._taken_s.append(now_s)
            return True

    def _leave(self, waiting: _Waiting) -> None:
        try:
            self._queue.put_nowait(waiting)
        except Full:
            self._miss("busy")

    def _miss(self, cause: str) -> None:
        with self._counting:
            self._missed[cause] += 1

    def _work(self) -> None:
        while not (self._ended.is_set() and self._queue.empty()):
            try:
                waiting = self._queue.get(timeout=_TAKE_S)
            except Empty:
                continue
            try:
                self._vault.put(self._sealed(waiting), waiting.event.captured_at)
            except Exception as exc:  # noqa: BLE001 - the top of a thread: a case less, and the box goes on
                if not self._missed["disk"]:
                    _log.warning("a hard case cannot be kept (%s); later ones are only counted", exc)
                self._miss("disk")
                continue
            with self._counting:
                self._kept.update(reason.value for reason in waiting.reasons)

    def _sealed(self, waiting: _Waiting) -> bytes:
        return seal(self._case(waiting), self._recipient, self._signer)

    def _case(self, waiting: _Waiting) -> HardCase:
        event, crop, classifier = waiting.event, waiting.crop, self._origin.classifier()
        record = CaseRecord(
            site=self._origin.site,
            box=self._origin.box,
            camera=event.camera,
            zone=event.zone,
            captured_at=event.captured_at,
            reasons=waiting.reasons,
            kind=event.kind,
            no_read_reason=event.reason,
            tags=tuple(CaseTag(key=t.key, value=t.value, score=t.score, source=t.source) for t in event.tags),
            product=event.product,
            regions=tuple(
                CaseRegion(label=region.label, score=min(1.0, region.score), xyxy=_moved(region.xyxy, crop))
                for region in event.regions
            ),
            detector=event.model_digest,
            classifier=classifier.digest if classifier is not None else None,
            classes=self._origin.classes(),
            taxonomy=classifier.manifest.taxonomy if classifier is not None else None,
            answer=waiting.answer,
        )
        return HardCase(record, jpeg_of(crop))


def crop_of_case(evidence: Evidence) -> CaseCrop:
    """Return what an event was decided on, with room around it, in memory of its own."""
    frame = evidence.frame
    left, top, right, bottom = evidence.xyxy or (0.0, 0.0, float(frame.width), float(frame.height))
    room_x, room_y = _ROOM * (right - left), _ROOM * (bottom - top)
    x0, y0 = max(0, int(left - room_x)), max(0, int(top - room_y))
    x1, y1 = min(frame.width, int(right + room_x) + 1), min(frame.height, int(bottom + room_y) + 1)
    x0, y0 = min(x0, frame.width - 1), min(y0, frame.height - 1)
    image = frame.image[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
    return CaseCrop(image.copy(), x0, y0)


def jpeg_of(crop: CaseCrop) -> bytes:
    """Return a crop as JPEG, its longer side bounded."""
    image: cv2.typing.MatLike = crop.image
    if crop.scale < 1:
        height, width = (max(1, round(side * crop.scale)) for side in image.shape[:2])  # one may be a single pixel
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
    return np.asarray(coded, np.uint8).tobytes()


def _moved(xyxy: Xyxy, crop: CaseCrop) -> Xyxy:
    left, top, right, bottom = xyxy
    x, y, scale = crop.left, crop.top, crop.scale
    moved = ((left - x) * scale, (top - y) * scale, (right - x) * scale, (bottom - y) * scale)
    x0, y0, x1, y1 = (round(edge, 2) for edge in moved)
    return x0, y0, x1, y1


def _open_vault(folder: Path, settings: HardCases) -> Vault:
    try:
        return Vault(folder, settings.max_cases, settings.max_mib)
    except OSError as exc:
        raise EdgekitError(
            f"cannot keep hard cases in {folder} ({exc.strerror}): check folder in [hard_cases]"
        ) from exc
