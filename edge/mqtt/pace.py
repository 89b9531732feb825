"""How fast and how patient a publisher is."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """The publisher's times and bounds.

    Attributes:
        status_every_s: Seconds between two box statuses.
        backoff_first_s: Seconds to the first new attempt to connect; doubles with each failure, with jitter.
        backoff_max_s: Seconds beyond which it does not grow.
        refusal_pause_s: Seconds after which events that the broker did not take are sent again.
        stall_s: Seconds without any acknowledgement after which a connection with messages in flight is given up.
        in_flight: Most messages sent and not yet acknowledged; the broker's receive maximum may lower it.
        history_in_flight: Most events of the past among them: a live one waits behind all that is on its way.
        history_a_second: Most events of the past in a second, so that cameras and live events have the processor.
        settle_s: Seconds for which what ended is collected before it is written down: each writing holds up commits.
        confirm_s: Seconds without progress of the slowest consumer after which unacknowledged events go again.
        clock_s: Seconds for which mutual TLS waits for a plausible clock.
        history_ahead: Most events of the past that are sent beyond what all named consumers have acknowledged.
    """

    status_every_s: float = 5.0
    backoff_first_s: float = 1.0
    backoff_max_s: float = 8.0
    refusal_pause_s: float = 10.0
    stall_s: float = 10.0
    in_flight: int = 100
    history_in_flight: int = 24
    history_a_second: float = 650.0
    settle_s: float = 0.1
    confirm_s: float = 10.0
    clock_s: float = 60.0
    history_ahead: int = 500

    def delay_s(self, failures: int) -> float:
        """Return seconds until the next attempt: doubling, with a quarter of jitter, so that boxes do not flock."""
        steady = min(self.backoff_max_s, self.backoff_first_s * 2.0 ** min(failures, 16))
        jittered = steady * random.uniform(0.75, 1.25)  # noqa: S311 - spreads attempts, guards nothing
        return min(max(jittered, self.backoff_first_s), self.backoff_max_s)
