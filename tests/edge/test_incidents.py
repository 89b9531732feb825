"""The log as lines of JSON: every line can be read by a program, an incident carries its facts, and no password."""

import json
import logging

from edge.incidents import Incident, IncidentKind, JsonLines


def record(message: str, *arguments: object, **more: object) -> logging.LogRecord:
    made = logging.LogRecord("edge.test", logging.WARNING, "file.py", 1, message, arguments, None)
    for name, value in more.items():
        setattr(made, name, value)
    return made


def test_a_line_tells_when_who_and_what():
    told = json.loads(JsonLines().format(record("camera %s: ä\n2", "gate")))
    assert told.keys() == {"at", "level", "logger", "message"}
    assert (told["level"], told["logger"], told["message"]) == ("warning", "edge.test", "camera gate: ä\n2")
    assert told["at"].endswith("Z")
    assert "\n" not in JsonLines().format(record("two\nlines"))


def test_passwords_of_urls_are_in_no_line():
    line = JsonLines().format(record("opened rtsp://admin:s3cr3t@camera.example/x"))
    assert "s3cr3t" not in line
    failed = record("it failed")
    failed.exc_info = (ValueError, ValueError("rtsp://admin:s3cr3t@camera.example/x"), None)
    line = JsonLines().format(failed)
    assert "ValueError" in json.loads(line)["exception"]
    assert "s3cr3t" not in line


def test_an_incident_is_one_record_with_its_name_and_facts():
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(JsonLines().format(record))

    logger = logging.getLogger("edge.incidents")
    handler, level = Kept(), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        Incident(IncidentKind.CAMERA_LOST, "camera gate shows nothing", {"camera": "gate", "reason": "black"}).log()
        Incident(IncidentKind.CAMERA_BACK, "camera gate shows something again", {"camera": "gate"}).log()
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    lost, back = (json.loads(line) for line in lines)
    assert (lost["incident"], lost["level"], lost["camera"], lost["reason"]) == (
        "camera_lost",
        "warning",
        "gate",
        "black",
    )
    assert (back["incident"], back["level"]) == ("camera_back", "info")
