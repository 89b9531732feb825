"""A classifier's checkpoints: read so that nothing in them is run."""

from pathlib import Path
from typing import Any

import torch

from devices.errors import EdgekitError

WEIGHTS = "weights"
LAST = "last.pt"
BEST = "best.pt"


def best_path(run: Path) -> Path:
    """Return where a run keeps its best network."""
    return run / WEIGHTS / BEST


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Return a checkpoint; nothing in it is run.

    Raises:
        EdgekitError: It is missing, torn, or holds more than tensors and numbers.
    """
    try:
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as exc:
        raise EdgekitError(f"there is no checkpoint at {path}") from exc
    except Exception as exc:
        raise EdgekitError(f"{path} cannot be read safely as a checkpoint: {str(exc).splitlines()[0]}") from exc
    if not isinstance(state, dict):
        raise EdgekitError(f"{path} is no checkpoint of a classifier")
    return state
