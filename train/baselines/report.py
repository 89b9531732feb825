"""The report of a baseline's run: the same page as a detector's, what the baseline found beside the labels."""

from pathlib import Path

from edge.model.picture import read_picture
from train.baselines.adapter import Baseline
from train.baselines.pictures import detect
from train.baselines.settings import read_baseline_config
from train.detector_report import LEAST_SCORE, Subject, write_detection_report


def write_baseline_report(run: Path, baseline: Baseline) -> Path:
    """Write `report.html` into a baseline's run folder and return it.

    Args:
        run: The folder.
        baseline: Its best checkpoint.

    Raises:
        EdgekitError: The folder is no such run, or the report cannot be written.
    """
    config = read_baseline_config(run)
    settings = config.settings
    subject = Subject(
        run,
        f"{settings.kind.value} on an ImageNet backbone",
        settings.epochs,
        config.sets,
        config.learnt_from,
        config.command,
    )
    return write_detection_report(
        subject,
        config.model_dump_json(indent=2, by_alias=True),
        lambda pictures: [detect(baseline, read_picture(path), settings.input_px, LEAST_SCORE) for path in pictures],
    )
