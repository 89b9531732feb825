"""The command that repeats a classifier's run."""

from pathlib import Path

from train.classifier.settings import ClassifierConfig
from train.setting_options import REPEATED

_PATHS = frozenset({"teachers", "weights", "unlabelled"})


def recipe_of(config: ClassifierConfig) -> str:
    """Return the command that repeats a run, set and teachers by their names."""
    if config.command is not None:
        return config.command
    given = config.settings.model_dump(mode="json", exclude_defaults=True)
    words = ["edgekit train classifier OUT", f"--set {config.tagged_set.name}"]
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
