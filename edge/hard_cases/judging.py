"""Why an event's picture is worth keeping; a pure function of what was told."""

from enum import Enum

from edge.hard_cases.section import HardCases
from edge.tags.catalogue import Catalogue
from edge.tags.events import EventKind, Tag, TagEvent, TagSource

_LOOKING = (TagSource.CLASSIFIER, TagSource.GALLERY)
_PRODUCT = "product"


class Reason(str, Enum):
    """Why a picture is kept."""

    NO_READ = "no_read"
    LOW_MARGIN = "low_margin"  # the classifier could hardly tell two values apart
    LOW_SCORE = "low_score"  # the detector was hardly sure that there is something
    DISAGREEMENT = "disagreement"  # the code says one product, the classifier another
    AUDIT = "audit"  # a person has judged it


def reasons_of(event: TagEvent, catalogue: Catalogue, settings: HardCases) -> tuple[Reason, ...]:
    """Return why an event's picture should be kept, nothing where it should not."""
    if event.evidence is None:
        return ()
    margin = event.evidence.margin
    found = next((tag.score for tag in event.tags if tag.source is TagSource.DETECTOR), None)
    told = {
        Reason.NO_READ: settings.no_reads and event.kind is EventKind.NO_READ,
        Reason.LOW_MARGIN: margin is not None and margin < settings.margin,
        Reason.LOW_SCORE: found is not None and found < settings.score,
        Reason.DISAGREEMENT: settings.disagreements and agreement(event, catalogue) is False,
    }
    return tuple(reason for reason, holds in told.items() if holds)


def agreement(event: TagEvent, catalogue: Catalogue) -> bool | None:
    """Return whether code and classifier tell the same product, None where not both tell one."""
    by_code = catalogue.product_of([tag for tag in event.tags if tag.source is TagSource.BARCODE])
    seen = [tag for tag in event.tags if tag.source in _LOOKING]
    by_look = _name_of(seen, catalogue)
    if by_code is None or by_look is None:
        return None
    return by_code.name == by_look


def _name_of(seen: list[Tag], catalogue: Catalogue) -> str | None:
    """Return the product that a classifier's tags stand for: as the catalogue calls it, else by the tag itself."""
    product = catalogue.product_of(seen)
    if product is not None:
        return product.name
    return next((tag.value for tag in seen if tag.key == _PRODUCT), None)
