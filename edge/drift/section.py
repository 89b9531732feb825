"""The [drift] part of box.toml: how long windows are, how many are the measure, and when somebody is called."""

from pathlib import Path

from pydantic import Field

from edge.section import Section


class Drift(Section):
    """Compares each camera with itself as it was when this model was new here; the first windows are the measure."""

    state: Path = Field(description="a JSON file that keeps the measure; remove it to have it taken anew")
    window_s: float = Field(default=60.0, gt=0, description="on the camera's time line, of one mean")
    reference_windows: int = Field(default=30, ge=3, description="the first ones of a model, of good days")
    alarm_windows: int = Field(default=3, ge=1, description="that have to be off, one after the other, for an alarm")
