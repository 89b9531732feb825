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

    def shelf(self, camera: str, zone: str) -> str:
        """Return the retained topic that tells what stands in a shelf zone."""
        return f"{self.root}/cameras/{camera}/shelf/{zone}"

    @property
    def shelves(self) -> str:
        """The filter for the topics of all shelf zones."""
        return self.shelf("+", "+")

    def shelf_of(self, topic: str) -> tuple[str, str] | None:
        """Return camera and zone that a shelf's topic names, None for any other topic."""
        match topic.removeprefix(f"{self.root}/cameras/").split("/"):
            case [camera, "shelf", zone] if topic.startswith(f"{self.root}/cameras/"):
                return camera, zone
            case _:
                return None

    def acknowledgements(self, consumer: str) -> str:
        """Return the filter for the retained topics in which a consumer acknowledges, one for each camera."""
        return self.acknowledgement(consumer, "+")

    def acknowledgement(self, consumer: str, camera: str) -> str:
        """Return the retained topic in which a consumer acknowledges a camera's events."""
        return f"{self.root}/ack/{consumer}/{camera}"

    def acknowledged_by(self, topic: str) -> tuple[str, str] | None:
        """Return consumer and camera that a topic of acknowledgements names, None for any other topic."""
        prefix = f"{self.root}/ack/"
        parts = topic.removeprefix(prefix).split("/")
        return (parts[0], parts[1]) if topic.startswith(prefix) and len(parts) == 2 else None  # noqa: PLR2004

    @property
    def commands(self) -> str:
        """The filter for all commands to this box."""
        return f"{self.root}/cmd/+"

    def command(self, name: str) -> str:
        """Return the topic of a command."""
        return f"{self.root}/cmd/{name}"

    def command_of(self, topic: str) -> str | None:
        """Return the command that a topic names, None for any other topic."""
        name = topic.removeprefix(f"{self.root}/cmd/")
        return name if name != topic and name and "/" not in name else None

    def reply(self, name: str, client: str) -> str:
        """Return the topic in which a client finds the reply where it names no other."""
        return f"{self.root}/cmd/{name}/reply/{client}"

    def echo(self, name: str) -> str:
        """Return a topic in which a box speaks to itself, to see whether messages go to its broker and back."""
        return f"{self.root}/doctor/{name}"

    def events(self, camera: str) -> str:
        """Return the topic of a camera's events."""
        return f"{self.root}/cameras/{camera}/events"

    def plc(self, camera: str) -> str:
        """Return the topic of a camera's events in their flat form."""
        return f"{self.root}/cameras/{camera}/plc"

    def detections(self, camera: str) -> str:
        """Return the topic of what the detector finds in each of a camera's frames."""
        return f"{self.root}/cameras/{camera}/detections"
