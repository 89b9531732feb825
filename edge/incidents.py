"""Incidents: what an operator is called for, one line of the log each, with its name and facts for programs to read."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from enum import Enum

from devices.redaction import redact
from edge.mqtt.wire import format_utc

_KEY = "edgekit_incident"
_log = logging.getLogger(__name__)


class IncidentKind(str, Enum):
    """What can happen to a box that somebody has to know of, and its end."""

    CAMERA_LOST = "camera_lost"
    CAMERA_BACK = "camera_back"
    BROKER_LOST = "broker_lost"
    BROKER_BACK = "broker_back"
    EVENTS_DISCARDED = "events_discarded"
    CONSUMER_BEHIND = "consumer_behind"
    CONSUMER_BACK = "consumer_back"
    MODEL_SWAPPED = "model_swapped"
    DRIFT = "drift"
    DRIFT_OVER = "drift_over"


_NOTES = frozenset(
    {
        IncidentKind.CAMERA_BACK,
        IncidentKind.BROKER_BACK,
        IncidentKind.CONSUMER_BACK,
        IncidentKind.MODEL_SWAPPED,
        IncidentKind.DRIFT_OVER,
    }
)


@dataclass(frozen=True, slots=True)
class Incident:
    """One thing that happened.

    Attributes:
        kind: What.
        text: For people.
        facts: For programs, by name.
    """

    kind: IncidentKind
    text: str
    facts: Mapping[str, str | int | float | None] = field(default_factory=dict[str, str | int | float | None])

    def log(self) -> None:
        """Write its line: a warning, or for what became well again an information."""
        level = logging.INFO if self.kind in _NOTES else logging.WARNING
        _log.log(level, "%s: %s", self.kind.value, self.text, extra={_KEY: self})


class JsonLines(logging.Formatter):
    """Writes each record of a log as a line of JSON: at, level, logger, message, and of an incident name and facts."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        told: dict[str, object] = {
            "at": format_utc(datetime.fromtimestamp(record.created, timezone.utc)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        incident = getattr(record, _KEY, None)
        if isinstance(incident, Incident):
            told |= {"incident": incident.kind.value, **incident.facts}
        if record.exc_info:
            told["exception"] = redact(self.formatException(record.exc_info))
        return json.dumps(told, ensure_ascii=False)


def log_as_json() -> None:
    """Let all of this process' log be lines of JSON."""
    for handler in logging.getLogger().handlers:
        handler.setFormatter(JsonLines())
