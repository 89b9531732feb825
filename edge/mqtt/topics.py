"""The names under which a box publishes, so that no other file spells a topic."""

from dataclasses import dataclass

ROOT = "edgekit/v1"


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one box. Site, box and camera names are checked where the configuration is read."""

    site: str
    box: str

    @property
    def root(self) -> str:
        """The prefix of all topics of this box."""
        return f"{ROOT}/{self.site}/{self.box}"

    @property
    def status(self) -> str:
        """Retained: online, degraded or offline."""
        return f"{self.root}/status"

    def camera_status(self, camera: str) -> str:
        """Return the retained topic that tells how a camera does."""
        return f"{self.root}/cameras/{camera}/status"

    def events(self, camera: str) -> str:
        """Return the topic of a camera's events."""
        return f"{self.root}/cameras/{camera}/events"
