"""Where controllers' triggers come in, whichever way they came: written down first, then told to their camera."""

import time
from collections.abc import Callable, Mapping, Sequence

from devices.errors import EdgekitError
from edge.mqtt.event_table import Span
from edge.mqtt.trigger_log import TakenTrigger, TriggerLog
from edge.runtime.lane import EventSink, Lane
from edge.tags.trigger_interpreter import unseen
from edge.tags.triggers import Trigger


class TriggerDesk:
    """Takes triggers; may be used from any thread.

    Args:
        log: Where they are written down, so that each gets its one event also over a restart.
        lanes: Of all cameras that wait for triggers, by the camera's name.
        send_again: Takes the event of an id that was taken and answered before.

    Raises:
        EdgekitError: The disk refuses.
    """

    def __init__(self, log: TriggerLog, lanes: Mapping[str, Lane], send_again: Callable[[Span], None]) -> None:
        self._log = log
        self._lanes = lanes
        self._send_again = send_again
        # Read before any can come to this run, whose own are for their cameras to answer.
        self._earlier: Sequence[TakenTrigger] = log.waiting()

    def take(self, camera: str, trigger_id: str) -> TakenTrigger:
        """Take a trigger; its event follows by the camera's deadline. Of a known id the same event goes out again.

        Raises:
            EdgekitError: The camera takes no triggers, or the disk refuses.
        """
        at_s = time.monotonic()
        lane = self._lanes.get(camera)
        if lane is None:
            known = ", ".join(self._lanes) or 'none; set policy = "trigger"'
            raise EdgekitError(f"{camera!r} is no camera that takes triggers: {known}")
        taken = self._log.take(camera, trigger_id)
        if not taken.repeated:
            trigger = Trigger(trigger_id, at_s, taken.taken_at)
            lane.call(lambda half: half.trigger(trigger))
        elif taken.seq is not None:
            self._send_again(Span(camera, taken.seq, taken.seq))
        return taken

    def answer_earlier(self, commit: EventSink) -> None:
        """Answer what an earlier run took and did not answer: nobody looks for it any more."""
        now_s = time.monotonic()
        waiting, self._earlier = self._earlier, ()
        if waiting:
            commit(
                [unseen(taken.camera, Trigger(taken.trigger_id, now_s, taken.taken_at), late=True) for taken in waiting]
            )
