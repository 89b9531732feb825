"""The [mqtt], [outbox] and [commands] parts of box.toml: the broker, what is kept for it, and who may command."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from edge.section import Credential, Name, Section


class Tls(Section):
    """An encrypted connection to the broker, which must prove its name; both files of the box's own for mutual TLS."""

    ca_file: Path | None = Field(
        default=None, description="PEM of who signs the broker's certificate; else the system's"
    )
    certificate_file: Path | None = Field(default=None, description="PEM of the box's own certificate")
    key_file: Path | None = Field(default=None, description="PEM of its key, unencrypted; guard it by its rights")
    identity_credential: Credential | None = Field(
        default=None,
        description="the name of a systemd credential that holds both, as `edgekit enroll` makes it; in their place",
    )

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> "Tls":
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together")
        if self.certificate_file is not None and self.identity_credential is not None:
            raise ValueError("identity_credential stands in place of certificate_file and key_file: keep one")
        return self

    @property
    def is_mutual(self) -> bool:
        """Whether the box proves its name too."""
        return self.certificate_file is not None or self.identity_credential is not None


class HomeAssistant(Section):
    """The box as a device in Home Assistant, by its MQTT discovery."""

    enabled: bool = Field(default=True, description="false: whatever the broker still keeps of it is cleared")
    prefix: str = Field(
        default="homeassistant", pattern=r"^[^+#/$\s][^+#\s]*$", description="as Home Assistant's discovery prefix says"
    )


class Mqtt(Section):
    """The broker."""

    host: str = "127.0.0.1"
    port: int = Field(default=1883, ge=1, le=65535, description="8883 where it is not given and tls is")
    protocol: Literal["5", "3.1.1"] = Field(
        default="5", description="of MQTT; over 3.1.1 a broker cannot say that it refused an event: name consumers"
    )
    tls: Tls | None = None
    username: str | None = None
    password_file: Path | None = Field(default=None, description="a file that holds the password and nothing else")
    username_credential: Credential | None = Field(
        default=None, description="the name of a systemd credential that holds the user"
    )
    password_credential: Credential | None = Field(
        default=None, description="the name of a systemd credential that holds the password"
    )
    keepalive_s: int = Field(default=15, ge=5, le=600)
    connect_timeout_s: float = Field(default=5.0, gt=0)
    at_start: Literal["require", "wait"] = Field(
        default="require",
        description="require: refuse to start without the broker; wait: run, and keep events until it is there",
    )
    consumers: tuple[Name, ...] = Field(
        default=(),
        description="who must acknowledge an event before it ends; none: the broker's own acknowledgement ends it",
    )
    home_assistant: HomeAssistant | None = Field(default=None, description="without this part nothing is told there")
    plc: tuple[Name, ...] = Field(
        default=(), description="cameras whose events also go out flat and short, on topic plc"
    )
    detections: tuple[Name, ...] = Field(
        default=(), description="cameras of which each frame's detections go out, at QoS 0, on topic detections"
    )

    @model_validator(mode="before")
    @classmethod
    def _tls_has_its_own_port(cls, content: Any) -> Any:
        asked = isinstance(content, dict) and content.get("tls") is not None and "port" not in content
        return {**content, "port": 8883} if asked else content

    @model_validator(mode="after")
    def _login_is_told_once(self) -> "Mqtt":
        for told, other in (("username", "username_credential"), ("password_file", "password_credential")):
            if getattr(self, told) is not None and getattr(self, other) is not None:
                raise ValueError(f"{told} and {other} both stand there: keep one")
        named = self.username is not None or self.username_credential is not None
        if not named and (self.password_file is not None or self.password_credential is not None):
            raise ValueError("a password stands there without a user: name the user as well")
        return self

    @model_validator(mode="after")
    def _consumers_are_unique(self) -> "Mqtt":
        if len(set(self.consumers)) != len(self.consumers):
            raise ValueError(f"a consumer is named twice: {', '.join(sorted(self.consumers))}")
        return self


class Outbox(Section):
    """The durable store between decision and delivery; a delivered event is kept a while, for command `replay`."""

    path: Path = Field(description="an SQLite file; its folder must be on a disk that survives a power cut")
    max_events: int = Field(
        default=100_000, ge=100, description="undelivered; what lies beyond is discarded, oldest first, and told"
    )
    max_mib: float = Field(default=256.0, ge=1, description="likewise, of all undelivered events together")
    max_age_h: float = Field(default=168.0, gt=0, description="likewise, hours in which the box ran since the commit")
    keep_events: int = Field(default=10_000, ge=0, description="delivered ones that are kept to be sent again")
    keep_mib: float = Field(default=32.0, ge=0, description="likewise, of all of them together")
    keep_h: float = Field(default=24.0, ge=0, description="likewise, hours in which the box ran since the commit")


class Commands(Section):
    """Who may command the box over MQTT; the broker's access rules have to allow it too."""

    clients: tuple[Name, ...] = Field(min_length=1, description="names that commands may carry as their client")
    audit_log: Path = Field(description="JSON lines of who asked for what, when, and what became of it")
