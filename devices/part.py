"""What every part of a profile is made of."""

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A part of a profile: frozen, and without room for unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")
