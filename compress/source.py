"""A detector that something smaller is to be made of: the folder of its training, or a bare checkpoint."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devices.errors import EdgekitError
from devices.validation import checked
from edge.model.manifest import WeightsEntry
from train.beginning import Past
from train.detector import LICENCE, RunConfig, TrainSettings, config_of, read_config


@dataclass(frozen=True, slots=True)
class Source:
    """What is to be pruned.

    Attributes:
        weights: The checkpoint.
        config: Of the run that made it, None where a bare checkpoint was given.
    """

    weights: Path
    config: RunConfig | None

    @property
    def folder(self) -> Path:
        """The run's folder.

        Raises:
            EdgekitError: A bare checkpoint was given.
        """
        if self.config is None:
            raise EdgekitError(f"{self.weights} is a bare checkpoint: name the folder of a training")
        return self.weights.parent.parent

    @classmethod
    def open(cls, path: Path) -> "Source":
        """Open a run's folder or a checkpoint.

        Raises:
            EdgekitError: There is neither.
        """
        if path.is_dir():
            weights = path / "weights" / "best.pt"
            if not weights.exists():
                raise EdgekitError(f"{path} holds no weights/best.pt: name the folder of a training, or a checkpoint")
            return cls(weights, read_config(path))
        if not path.exists():
            raise EdgekitError(f"there is neither a run nor a checkpoint at {path}")
        return cls(path, None)

    def settings(self, weights: Path, **changes: Any) -> TrainSettings:
        """Return the settings of a training that goes on with this run's model: its own, but for what is given.

        Args:
            weights: What it starts from.
            changes: Fields of `TrainSettings`; None stands for the source's own.

        Raises:
            EdgekitError: A value is not allowed.
        """
        own = self.config.settings.model_dump() if self.config is not None else {}
        given = {name: value for name, value in changes.items() if value is not None}
        return checked(TrainSettings, **{**own, **given, "weights": weights, "freeze": 0})

    def past(self, command: str) -> Past:
        """Return what was before a run that is made by a command from this source."""
        config = self.config or config_of(self.weights)
        if config is None:
            source = "a checkpoint of Ultralytics' YOLO"
            return Past(
                command=command,
                weights=WeightsEntry(name=self.weights.name, licence=LICENCE, source=source),
                learnt_from=(),
            )
        return config.before(command)
