"""All scenarios against one client: what it kept to, and what it did not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from devices.errors import EdgekitError
from edge.conformance.judge import Fault, Judge, Rule
from edge.conformance.scenarios import SCENARIOS, Scenario
from edge.conformance.scripted_box import Patience, ScriptedBox
from edge.mqtt.section import Mqtt
from edge.mqtt.topics import Topics


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a trial came to.

    Attributes:
        scenarios: Names of those that were played.
        faults: Rules that were broken.
        effects_checked: Whether the client reported its effects, so that they could be checked.
    """

    scenarios: tuple[str, ...]
    faults: tuple[Fault, ...]
    effects_checked: bool

    @property
    def passed(self) -> bool:
        """Whether no rule was broken."""
        return not self.faults


def try_client(
    settings: Mqtt,
    topics: Topics,
    consumer: str,
    *,
    patience: Patience | None = None,
    effects: Path | None = None,
    ready: Callable[[], None] = lambda: None,
    tell: Callable[[Scenario], None] = lambda _scenario: None,
    scenarios: Sequence[Scenario] = SCENARIOS,
) -> Verdict:
    """Play all scenarios for a client that runs beside this, as `consumer` of the box that `topics` names.

    Args:
        settings: The broker.
        topics: Whose box is played.
        consumer: The name under which the client acknowledges.
        patience: How long to wait.
        effects: The file to which the client reports its effects, None where it does not.
        ready: Called when the client may connect: what is retained is there before it.
        tell: Called as each scenario begins.
        scenarios: The first of all scenarios, since each goes on where the one before it ended.

    Raises:
        EdgekitError: The broker cannot be reached, or the client acknowledges nothing at all.
    """
    judge = Judge(reports_in_order=effects is not None)
    waits = patience or Patience()
    box = ScriptedBox(settings, topics, consumer, judge, waits, effects)
    played: list[str] = []
    box.start("first contact")
    box.connect()
    try:
        box.haunt()
        ready()
        box.send("belt", (1,))
        if not box.expect_all("belt", within_s=waits.client_s):
            raise EdgekitError(
                f"no valid acknowledgement on {topics.acknowledgement(consumer, 'belt')} within {waits.client_s:g} s"
                f"{_first(judge)}: does the client run, and as this consumer of this box?"
            )
        for scenario in scenarios:
            tell(scenario)
            box.start(scenario.name, new_epoch=scenario.new_epoch)
            scenario.play(box)
            box.settle()
            played.append(scenario.name)
    finally:
        box.close()
    return Verdict(tuple(played), tuple(judge.faults), judge.reports)


def _first(judge: Judge) -> str:
    """Return what was heard instead, where anything was."""
    told = [fault for fault in judge.faults if fault.rule is not Rule.NOT_ACKNOWLEDGED]
    return f" ({told[0].rule.value}: {told[0].detail})" if told else ""
