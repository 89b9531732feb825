"""What stands on a training's command line becomes its settings, and nothing else does."""

from pathlib import Path

import typer

from train.classifier.settings import ClassifierSettings
from train.cli import app
from train.setting_options import grouped


def _chosen(*words: str) -> ClassifierSettings:
    command = typer.main.get_group(app).commands["classifier"]
    params = command.make_context("classifier", ["run", "--set", "a", *words]).params
    return ClassifierSettings(**grouped(ClassifierSettings, params))


def test_options_that_are_not_given_leave_every_setting_at_its_default():
    assert _chosen() == ClassifierSettings()


def test_options_reach_the_group_that_their_setting_stands_in():
    chosen = _chosen("--stages", "3", "--l1", "0.5", "--no-flip", "--teacher", "a", "--teacher", "b", "--seed", "4")
    assert (chosen.network.stages, chosen.schedule.l1, chosen.augment.flip, chosen.seed) == (3, 0.5, False, 4)
    assert chosen.teaching.teachers == (Path("a"), Path("b"))


def test_every_setting_is_an_option_once():
    command = typer.main.get_group(app).commands["classifier"]
    names = [parameter.name for parameter in command.params]
    assert len(names) == len(set(names))
    dumped = ClassifierSettings().model_dump()
    settings = {name for key, value in dumped.items() for name in (value if isinstance(value, dict) else [key])}
    assert settings < set(names)
