"""What a box does with events beside delivering them: their pictures are looked at once, kept or let go."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace

from edge.config import BoxConfig
from edge.hard_cases.keeper import CaseKeeper, Origin
from edge.runtime.classifier_in_use import ClassifierInUse
from edge.runtime.model_in_use import ModelInUse
from edge.tags.events import TagEvent
from edge.tags.routing import RoutingTables

_STOP_KEEPER_S = 5.0


class Keeping:
    """Who sees events with their pictures, once they are decided.

    Args:
        config: The box.
        models: In use.
        classifiers: Of the box, None where it has none.
        stack: Ends what is started here.

    Attributes:
        cases: Keeps hard cases; None where the configuration asks for none.

    Raises:
        EdgekitError: Something that the configuration names cannot be used.
    """

    def __init__(
        self, config: BoxConfig, models: ModelInUse, classifiers: ClassifierInUse | None, stack: ExitStack
    ) -> None:
        self.cases: CaseKeeper | None = None
        if config.hard_cases is not None:
            origin = Origin(
                config.box.site,
                config.box.name,
                lambda: models.current.classes,
                lambda: classifiers.current.bundle if classifiers is not None else None,
            )
            self.cases = CaseKeeper(config.hard_cases, origin)
            self.cases.start()
            stack.callback(self.cases.stop, _STOP_KEEPER_S)

    def pass_on(
        self, events: Sequence[TagEvent], tables: RoutingTables, commit: Callable[[Sequence[TagEvent]], None]
    ) -> None:
        """Give events their products, let them be committed, then look at their pictures; waits for nothing else.

        Their pictures end here: events may wait for a disk, and stay in memory to be shown.
        """
        told = list(map(tables.applied_to, events))
        commit([replace(event, evidence=None) for event in told])
        if self.cases is not None:
            self.cases.offer(told, tables.catalogue)
