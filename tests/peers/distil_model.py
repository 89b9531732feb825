"""A student taught by ultralytics' own `distill_model` instead of `edgekit compress distil`, on the same schedule.

    python tests/peers/distil_model.py RUN --teacher TEACHER.pt --weights STUDENT.pt --set SET [--set SET …] [--dis 6] \
        [--input-px 416] [--epochs 4] [--seed 0]

All else is the kit's own training: pictures, masked losses, averages and checkpoints, so that what differs is the word
of the teacher alone: ultralytics compares features of the neck, by square differences weighted by the teacher's scores.
"""

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from edge.evaluate.dataset import open_set
from train import detector, learning
from train.settings import Precision, TrainSettings


def main() -> None:
    """Train one student."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--set", type=Path, action="append", required=True, dest="sets")
    parser.add_argument("--dis", type=float, default=6.0, help="ultralytics' weight of the teacher's word")
    parser.add_argument("--input-px", type=int, default=416)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--learning-rate", type=float, default=0.001)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    settings = TrainSettings(
        weights=given.weights,
        input_px=given.input_px,
        epochs=given.epochs,
        learning_rate=given.learning_rate,
        seed=given.seed,
        freeze=0,
        scale=0.5,
        precision=Precision.BF16,
        averaged_moves=60,
        effective_batch=32,
    )
    stock: Any = detector.Learning

    def taught(*args: Any, **kwargs: Any) -> learning.Learning:
        plain = stock(*args, **kwargs)
        options = {**plain.options, "distill_model": str(given.teacher.resolve()), "dis": given.dis}
        return dataclasses.replace(plain, options=options)

    seam: Any = detector
    seam.Learning = taught
    best = detector.train_detector(settings, [open_set(folder) for folder in given.sets], given.run)
    print(f"best checkpoint: {best}")


if __name__ == "__main__":
    main()
