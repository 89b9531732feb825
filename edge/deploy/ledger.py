"""What is known of a box's releases, and which step may follow which; without files, so that every rule can be tested.

filling ──► staged ──► trial ──► good
                         │
                         └─────► bad        and what was good before is in use again
"""

from datetime import datetime
from enum import Enum
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, model_validator

from devices.errors import EdgekitError

SCHEMA = "edgekit.releases/1"
MOST_STARTS = 2  # of a release on trial, without being found good: a power cut may cost one, a crash loop must end

ReleaseId = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", description="letters, digits, dots, - and _")
]


class State(str, Enum):
    """Where a release stands."""

    FILLING = "filling"  # its files are being written; after a crash they are removed
    STAGED = "staged"
    TRIAL = "trial"
    GOOD = "good"
    BAD = "bad"


class Release(BaseModel):
    """One release."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: ReleaseId
    counter: PositiveInt = Field(description="grows with each release that is made")
    state: State
    since: AwareDatetime
    starts: NonNegativeInt = Field(default=0, description="of its trial")
    reason: str | None = Field(default=None, description="why it is bad")


class Ledger(BaseModel):
    """All releases of one store. Every step returns a new ledger, or says why it may not be taken."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_id: Literal["edgekit.releases/1"] = Field(default=SCHEMA, alias="schema")
    floor: NonNegativeInt = Field(default=0, description="counter of the newest release that was ever found good")
    current: ReleaseId | None = None
    previous: ReleaseId | None = Field(default=None, description="the good one that is returned to")
    releases: tuple[Release, ...] = ()

    @model_validator(mode="after")
    def _is_consistent(self) -> "Ledger":
        ids = [release.id for release in self.releases]
        if len(set(ids)) != len(ids):
            raise ValueError("two releases have the same id")
        for name in (self.current, self.previous):
            if name is not None and name not in ids:
                raise ValueError(f"{name} is in use and not listed")
        return self

    def find(self, release_id: str) -> Release:
        """Return a release.

        Raises:
            EdgekitError: There is none of this id.
        """
        found = next((release for release in self.releases if release.id == release_id), None)
        if found is None:
            known = ", ".join(release.id for release in self.releases) or "none"
            raise EdgekitError(f"there is no release {release_id}; there is {known}: see `edgekit release list`")
        return found

    @property
    def on_trial(self) -> Release | None:
        """The release that is being tried, None where none is."""
        return next((release for release in self.releases if release.state is State.TRIAL), None)

    @property
    def keeper(self) -> str | None:
        """The release that judges: the good one before, while the one in use is on trial; else the one in use."""
        return self.previous if self.on_trial is not None and self.previous is not None else self.current

    def filling(self, release_id: str, counter: int, now: datetime) -> "Ledger":
        """Begin to write a release's files.

        Raises:
            EdgekitError: Its id is taken, or it is older than what was found good: an old release may have known holes.
        """
        others = tuple(one for one in self.releases if one.id != release_id or not self._may_be_tried_again(one))
        if any(release.id == release_id for release in others):
            raise EdgekitError(f"release {release_id} is here already: see `edgekit release list`")
        self._refuse_older(release_id, counter)
        new = Release(id=release_id, counter=counter, state=State.FILLING, since=now)
        return self.model_copy(update={"releases": (*others, new)})

    def staged(self, release_id: str, now: datetime) -> "Ledger":
        """All files of a release are on disk."""
        return self._moved(release_id, State.FILLING, State.STAGED, now)

    def tried(self, release_id: str, now: datetime) -> "Ledger":
        """Put a release to use, to be found good or bad.

        Raises:
            EdgekitError: Another one is on trial, this one is not staged, or is older than what was found good since.
        """
        if self.on_trial is not None:
            raise EdgekitError(f"release {self.on_trial.id} is on trial: wait until it is found good or bad")
        self._refuse_older(release_id, self.find(release_id).counter)
        current = None if self.current is None else self.find(self.current)
        kept = current.id if current is not None and current.state is State.GOOD else self.previous
        trial = self._moved(release_id, State.STAGED, State.TRIAL, now)
        return trial.model_copy(update={"current": release_id, "previous": kept})

    def started(self, now: datetime) -> "Ledger":
        """Count a start of what is in use; one too many of a release on trial ends its trial."""
        trial = self.on_trial
        if trial is None:
            return self
        if trial.starts >= MOST_STARTS:
            return self.failed(f"started {trial.starts} times without being found good", now)
        return self._replaced(trial.model_copy(update={"starts": trial.starts + 1}))

    def passed(self, now: datetime) -> "Ledger":
        """Find the release on trial good: from here on nothing older is taken.

        Raises:
            EdgekitError: None is on trial.
        """
        trial = self._trial()
        good = self._moved(trial.id, State.TRIAL, State.GOOD, now)
        return good.model_copy(update={"floor": max(self.floor, trial.counter)})

    def failed(self, reason: str, now: datetime) -> "Ledger":
        """Find the release on trial bad, and go back to the one before it, where there is one.

        Raises:
            EdgekitError: None is on trial.
        """
        return self._left(self._trial(), reason, now)

    def rolled_back(self, reason: str, now: datetime) -> "Ledger":
        """Go back to the good release before the one in use, whatever state that one is in; its counter may be lower.

        Raises:
            EdgekitError: There is no release to go back to.
        """
        if self.previous is None or self.current is None:
            raise EdgekitError("there is no earlier good release to go back to: stage one and try it")
        return self._left(self.find(self.current), reason, now)

    def without_filling(self) -> "Ledger":
        """Forget a release whose files nobody writes any more."""
        whole = tuple(release for release in self.releases if release.state is not State.FILLING)
        return self.model_copy(update={"releases": whole})

    def pruned(self) -> "Ledger":
        """Forget all but what is in use, what is returned to, what is written or waits, and the newest bad one."""
        bad = [release for release in self.releases if release.state is State.BAD]
        newest_bad = max(bad, key=lambda release: release.since, default=None)
        kept = tuple(
            release
            for release in self.releases
            if release.id in (self.current, self.previous)
            or release.state in (State.FILLING, State.STAGED)
            or release is newest_bad
        )
        return self.model_copy(update={"releases": kept})

    def tidied(self, before: datetime) -> "Ledger":
        """Forget what is neither in use nor returned to, and has been bad or waited since before a time."""
        kept = tuple(
            release
            for release in self.releases
            if release.id in (self.current, self.previous)
            or release.state not in (State.BAD, State.STAGED)
            or release.since >= before
        )
        return self.model_copy(update={"releases": kept})

    def _left(self, release: Release, reason: str, now: datetime) -> "Ledger":
        bad = release.model_copy(update={"state": State.BAD, "since": now, "reason": reason})
        return self._replaced(bad).model_copy(update={"current": self.previous or release.id, "previous": None})

    def _refuse_older(self, release_id: str, counter: int) -> None:
        if counter < self.floor:
            raise EdgekitError(
                f"release {release_id} has counter {counter}, and one of counter {self.floor} was found good here: "
                "build it anew with a higher one; to go back, use `edgekit release rollback`"
            )

    def _may_be_tried_again(self, release: Release) -> bool:
        return release.state is State.BAD and release.id != self.current

    def _trial(self) -> Release:
        if self.on_trial is None:
            raise EdgekitError("no release is on trial: see `edgekit release list`")
        return self.on_trial

    def _moved(self, release_id: str, from_: State, to: State, now: datetime) -> "Ledger":
        release = self.find(release_id)
        if release.state is not from_:
            raise EdgekitError(f"release {release_id} is {release.state.value}, and so cannot become {to.value}")
        return self._replaced(release.model_copy(update={"state": to, "since": now}))

    def _replaced(self, release: Release) -> "Ledger":
        releases = tuple(release if one.id == release.id else one for one in self.releases)
        return self.model_copy(update={"releases": releases})
