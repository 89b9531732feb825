"""A baseline's run, opened again: its model with the weights of its best epoch."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch

from devices.errors import EdgekitError
from train.baselines.adapter import Baseline, create_baseline
from train.baselines.settings import BaselineConfig, read_baseline_config
from train.baselines.training import BEST


@dataclass(frozen=True, slots=True)
class BaselineRun:
    """A trained baseline: what decided it, its model, and the sha256 of its weights."""

    config: BaselineConfig
    baseline: Baseline
    digest: str


def open_baseline(run: Path) -> BaselineRun:
    """Open the best checkpoint of a baseline's training.

    Raises:
        EdgekitError: The folder is no such run, or its checkpoint is missing, or holds anything else than its weights.
    """
    config = read_baseline_config(run)
    settings = config.settings
    baseline = create_baseline(settings.kind, len(config.sets[0].classes), settings.input_px, started=False)
    path = run / BEST
    try:
        baseline.module.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except Exception as exc:
        raise EdgekitError(f"{path} is no checkpoint of this run ({str(exc).splitlines()[0]}): train it anew") from exc
    baseline.module.eval()
    return BaselineRun(config, baseline, digest)
