"""What stands on shelves leaves the runtime when it is known and became different, not with every frame."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

from edge.mqtt.shelf_messages import ShelfMessage
from edge.runtime.shelves import ShelfSender, ShelfTeller
from edge.tags.shelf_state import ShelfState, ShelfView, TagCount

NOON = datetime(2025, 3, 1, 12, tzinfo=timezone.utc)
STATE = ShelfState("wall", "left", (TagCount("cola", 3, NOON),), NOON)
UNKNOWN = ShelfView("left", None, NOON, comparing=True)
KNOWN = ShelfView("left", STATE, NOON, comparing=False)


def test_a_zone_is_told_when_it_is_known_and_when_it_became_different():
    told: list[ShelfView] = []
    teller = ShelfTeller(told.append)
    later = NOON + timedelta(seconds=9)
    fewer = replace(KNOWN, state=replace(STATE, counts=(TagCount("cola", 2, later),), captured_at=later))
    seen_again = replace(KNOWN, seen_at=later)
    compared_anew = replace(fewer, comparing=True)
    for view in (UNKNOWN, UNKNOWN, KNOWN, KNOWN, seen_again, fewer, fewer, compared_anew, fewer):
        teller((view,))
    assert told == [KNOWN, fewer, compared_anew, fewer]


def test_a_message_says_whose_it_is_and_what_stands_there():
    sent: list[ShelfMessage] = []
    sender = ShelfSender("hall", "box-1", "run-7", sent.append)
    sender.tell(UNKNOWN)
    sender.tell(KNOWN)
    (message,) = sent
    assert (message.run_id, message.camera, message.zone, message.comparing) == ("run-7", "wall", "left", False)
    assert [(count.tag, count.count, count.since) for count in message.counts] == [("cola", 3, NOON)]
