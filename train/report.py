"""The report of a training: one HTML file that needs nothing beside it, to be mailed or kept with a bundle."""

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from train.checkpoints import keep
from train.epoch_figures import EpochFigures
from train.plots import Confusion, plot_confusion, plot_group

REPORT = "report.html"

_WIDEST_PX = 560  # of a gallery's picture; a larger one is shrunk to it
_JPEG_QUALITY = 85
_MOST_MISTAKES = 12

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1b1f24; max-width: 1180px; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 2em; border-bottom: 1px solid #d0d7de; }
pre { background: #f6f8fa; padding: .8em; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
table { border-collapse: collapse; } td, th { padding: .2em .9em .2em 0; text-align: left; vertical-align: top; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
img { max-width: 100%; } .plots { display: flex; flex-wrap: wrap; gap: 6px; }
figure { margin: 0 0 1.4em; } .pair { display: grid; grid-template-columns: 1fr 1fr; gap: 8px; }
.pair span { display: block; color: #59636e; font-size: .85em; } figcaption { margin-top: .2em; }
"""


@dataclass(frozen=True, slots=True)
class SideBySide:
    """A picture as it is labelled, beside the same as the model sees it.

    Attributes:
        caption: What went wrong, and on which picture.
        labelled: (H, W, 3) uint8 BGR, the label drawn into it.
        predicted: As `labelled`, with the prediction.
    """

    caption: str
    labelled: NDArray[np.uint8]
    predicted: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class RunReport:
    """All that a report tells; what a training does not know is left empty, and its part then left out.

    Attributes:
        title: Of the page.
        command: That repeats the run.
        config: All that decided the run, as text.
        facts: What a reader looks for first, value by name: pictures, best epoch, its scores.
        epochs: What the epochs came to, in order; each group of figures becomes a plot.
        confusion: On the validation pictures.
        errors: The worst first.
        notes: Sentences that a reader should know before believing a figure.
    """

    title: str
    command: str
    config: str
    facts: Mapping[str, str] = field(default_factory=dict[str, str])
    epochs: Sequence[EpochFigures] = ()
    confusion: Confusion | None = None
    errors: Sequence[SideBySide] = ()
    notes: Sequence[str] = ()


def write_report(report: RunReport, path: Path) -> None:
    """Write a report; an older one is replaced as a whole.

    Raises:
        EdgekitError: It cannot be written.
    """
    with keep(path) as new:
        new.write_text(render(report), encoding="utf-8")


def render(report: RunReport) -> str:
    """Return a report as HTML: pictures are inside, nothing is loaded from anywhere."""
    parts = [
        f"<h1>{html.escape(report.title)}</h1>",
        *(f"<p>{html.escape(note)}</p>" for note in report.notes),
        _facts(report.facts),
        _curves(report.epochs),
        _confusion(report.confusion),
        _errors(report.errors),
        f"<h2>Command</h2><pre>{html.escape(report.command)}</pre>",
        f"<h2>Configuration</h2><pre>{html.escape(report.config)}</pre>",
    ]
    title = html.escape(report.title)
    head = f'<meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n' + "\n".join(parts) + "\n</body></html>\n"


def _facts(facts: Mapping[str, str]) -> str:
    rows = [f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in facts.items()]
    return f"<table>{''.join(rows)}</table>"


def _curves(epochs: Sequence[EpochFigures]) -> str:
    groups = dict.fromkeys(group for figures in epochs for group in figures.groups)
    plots = [_image(plot_group(epochs, group), "png", f"{group} by epoch") for group in groups]
    return f'<h2>By epoch</h2><div class="plots">{"".join(plots)}</div>' if plots else ""


def _confusion(confusion: Confusion | None) -> str:
    if confusion is None:
        return ""
    rows = [
        f'<tr><td>{html.escape(labelled)}</td><td>{html.escape(predicted)}</td><td class="n">{count}</td></tr>'
        for labelled, predicted, count in confusion.worst(_MOST_MISTAKES)
    ]
    table = f"<table><tr><th>labelled</th><th>predicted</th><th>times</th></tr>{''.join(rows)}</table>" if rows else ""
    return f"<h2>Confusion</h2>{_image(plot_confusion(confusion), 'png', 'confusion matrix')}{table}"


def _errors(errors: Sequence[SideBySide]) -> str:
    figures = [
        f'<figure><div class="pair"><div><span>as labelled</span>{_photo(error.labelled)}</div>'
        f"<div><span>as predicted</span>{_photo(error.predicted)}</div></div>"
        f"<figcaption>{html.escape(error.caption)}</figcaption></figure>"
        for error in errors
    ]
    return f"<h2>Worst errors</h2>{''.join(figures)}" if figures else ""


def _photo(image: NDArray[np.uint8]) -> str:
    height, width = image.shape[:2]
    if width > _WIDEST_PX:
        size = (_WIDEST_PX, max(1, round(height * _WIDEST_PX / width)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1]
    return _image(coded.tobytes(), "jpeg", "")


def _image(content: bytes, kind: str, alternative: str) -> str:
    coded = base64.b64encode(content).decode("ascii")
    return f'<img src="data:image/{kind};base64,{coded}" alt="{html.escape(alternative)}">'
