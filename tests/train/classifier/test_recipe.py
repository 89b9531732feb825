"""The command that a record tells is one that the command line takes, and it means the same."""

import shlex
from collections.abc import Callable
from pathlib import Path

import typer

from edge.evaluate.tagged_set import TaggedSet
from train.classifier.recipe import recipe_of
from train.classifier.run import train_classifier
from train.classifier.settings import ClassifierSettings, read_classifier_config
from train.cli import app

Tiny = Callable[..., ClassifierSettings]


def test_a_recipe_is_taken_by_the_command_and_says_what_was_switched_off(
    coloured: TaggedSet, tiny: Tiny, tmp_path: Path
):
    settings = tiny(augment={"flip": False, "degrees": 4.0}, schedule={"epochs": 1, "imbalance": "weights"}, seed=3)
    train_classifier(settings, coloured, tmp_path / "run")
    words = shlex.split(recipe_of(read_classifier_config(tmp_path / "run")))
    assert words[:3] == ["edgekit", "train", "classifier"]
    assert "--no-flip" in words
    command = typer.main.get_group(app).commands["classifier"]
    given = command.make_context("classifier", words[3:]).params
    assert (given["flip"], given["degrees"], given["seed"], given["epochs"]) == (False, 4.0, 3, 1)
    assert given["learning_rate"] == settings.schedule.learning_rate
    assert str(getattr(given["imbalance"], "value", given["imbalance"])) == "weights"
