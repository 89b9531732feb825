"""A controller's word that something stands before a camera now, by the name that the controller gives it."""

from dataclasses import dataclass
from datetime import datetime

TRIGGER_ID = r"^[A-Za-z0-9_.:-]{1,64}$"


@dataclass(frozen=True, slots=True)
class Trigger:
    """One trigger.

    Attributes:
        trigger_id: The controller's name for it.
        at_s: When it came, on the camera's time line, which for live cameras is the host's monotonic clock.
        at: The same by the host's clock, UTC.
    """

    trigger_id: str
    at_s: float
    at: datetime
