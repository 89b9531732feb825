"""The command that repeats a classifier's run."""

from pathlib import Path

from train.classifier.settings import ClassifierConfig, ClassifierSettings
from train.setting_options import REPEATED

_PATHS = frozenset({"teachers", "weights", "unlabelled"})


def recipe_of(config: ClassifierConfig) -> str:
    """Return the command that repeats a run, set and teachers by their names."""
    return config.command or command_of(config.settings, f"edgekit train classifier OUT --set {config.tagged_set.name}")


def command_of(settings: ClassifierSettings, begin: str) -> str:
    """Return a command that trains by some settings: its beginning, and an option for each that is not the default."""
    given = settings.model_dump(mode="json", exclude_defaults=True)
    words = [begin]
    for name, value in given.items():
        for option, inner in value.items() if isinstance(value, dict) else ((name, value),):
            if isinstance(inner, bool):
                words.append(f"--{'' if inner else 'no-'}{option}")
                continue
            values = inner if option in REPEATED else [inner]
            if option in _PATHS:
                values = [Path(one).name for one in values]
            words += [f"--{REPEATED.get(option, option.replace('_', '-'))} {one}" for one in values]
    return " ".join(words)
