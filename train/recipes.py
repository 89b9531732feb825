"""A recipe: settings of a detector's training that a search found, and what they reached."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from devices.validation import read_json
from train.settings import TrainSettings

RECIPE = "recipe.json"


class Recipe(BaseModel):
    """`recipe.json`, which `edgekit train detector --recipe` takes."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_id: Literal["edgekit.recipe/1"] = Field(default="edgekit.recipe/1", alias="schema")
    settings: dict[str, Any] = Field(description="by the names of the options of `edgekit train detector`")
    reached: float = Field(description="mean mAP50-95 on val, at its best epoch")
    trials: int = Field(description="trainings that it is the best of")

    @model_validator(mode="after")
    def _known(self) -> "Recipe":
        unknown = sorted(self.settings.keys() - TrainSettings.model_fields.keys())
        if unknown:
            raise ValueError(f"there are no settings {', '.join(unknown)}")
        return self


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        EdgekitError: It is missing or not valid.
    """
    return read_json(path, Recipe, "recipe", "name the recipe.json that `edgekit train tune` wrote")
