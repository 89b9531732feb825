"""Plots of a training as PNG bytes: figures by epoch, and a confusion matrix. Nothing is shown, nothing kept."""

import io
import logging
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from train.epoch_figures import EpochFigures

if "MPLCONFIGDIR" not in os.environ:  # read as matplotlib is imported: its cache of fonts would go into the home folder
    _config_folder = tempfile.TemporaryDirectory(prefix="edgekit-matplotlib-")  # goes with the process
    os.environ["MPLCONFIGDIR"] = _config_folder.name

# isort: split
import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

logging.getLogger("matplotlib").setLevel(logging.WARNING)  # it tells of each cache of fonts that it makes

_DPI = 100
_MOST_IN_LEGEND = 12  # more lines than that are told apart by nobody
_LONGEST_NAME = 24  # characters of one in a legend; a longer one would leave the curves no room
_MOST_WITH_NUMBERS = 20  # classes; more leave no room for a number in a cell


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often what was taken for what.

    Attributes:
        counts: (N, N) int64, a row for each class as labelled, a column for each as predicted.
        names: The N classes in the order of rows and columns; a detector adds one for what is no object.
    """

    counts: NDArray[np.int64]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse a matrix of another size than its names."""
        if self.counts.shape != (len(self.names), len(self.names)):
            raise ValueError(f"a confusion of {self.counts.shape} does not fit {len(self.names)} classes")

    def worst(self, most: int) -> list[tuple[str, str, int]]:
        """Return the commonest mistakes as (labelled, predicted, how often), at most `most` of them."""
        wrong = self.counts.copy()
        np.fill_diagonal(wrong, 0)
        order = np.argsort(-wrong, axis=None, kind="stable")[:most]
        cells = [divmod(int(cell), len(self.names)) for cell in order]
        return [
            (self.names[row], self.names[column], int(wrong[row, column]))
            for row, column in cells
            if wrong[row, column]
        ]


@mpl.rc_context({"text.parse_math": False})  # the name of a class may hold a dollar
def plot_group(epochs: Sequence[EpochFigures], group: str) -> bytes:
    """Return a PNG of one group of figures by epoch, a line for each name."""
    figure = Figure(figsize=(5.6, 3.4), dpi=_DPI, layout="constrained")
    axes = figure.subplots()
    names = list(dict.fromkeys(name for figures in epochs for name in figures.groups.get(group, {})))
    steps = [figures.epoch for figures in epochs]
    for name in names:
        values = [figures.groups.get(group, {}).get(name, np.nan) for figures in epochs]
        # A lone epoch is a point, and so is one between two gaps: a line alone would not show it.
        axes.plot(steps, values, marker="o", markersize=3)
    axes.set_title(group)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    if 0 < len(names) <= _MOST_IN_LEGEND:
        # Beside the curves: matplotlib tries all places among them for the best, and warns where that takes a second.
        told = [name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…" for name in names]
        figure.legend(axes.lines, told, loc="outside right upper", fontsize="small")
    return _png(figure)


@mpl.rc_context({"text.parse_math": False})  # the name of a class may hold a dollar
def plot_confusion(confusion: Confusion) -> bytes:
    """Return a PNG of a confusion matrix: counts, coloured by their share of the row."""
    size = len(confusion.names)
    side = min(5.0 + 0.22 * size, 22.0)
    figure = Figure(figsize=(side, side), dpi=_DPI, layout="constrained")
    axes = figure.subplots()
    totals = confusion.counts.sum(axis=1, keepdims=True)
    shares = confusion.counts / np.maximum(totals, 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ticks = np.arange(size)
    axes.set_xticks(ticks, confusion.names, rotation=90, fontsize="small")
    axes.set_yticks(ticks, confusion.names, fontsize="small")
    axes.set_xlabel("predicted")
    axes.set_ylabel("labelled")
    if size <= _MOST_WITH_NUMBERS:
        for row, column in np.ndindex(size, size):
            colour = "white" if shares[row, column] > 0.5 else "black"  # noqa: PLR2004 - half of the colours are dark
            text = str(confusion.counts[row, column])
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize="small")
    return _png(figure)


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a plot of two figures against one another.

    Attributes:
        x: Where it lies.
        y: Where it lies.
        area: Square points that it covers.
        name: Written beside the plot, after the point's number.
        marked: Whether a ring stands around it.
        dim: Whether it is grey.
    """

    x: float
    y: float
    area: float
    name: str
    marked: bool
    dim: bool


def plot_points(points: Sequence[Point], axes_names: tuple[str, str], line: float) -> bytes:
    """Return a PNG of points, numbered as they are given, and a horizontal line that they are held against.

    Names stand beside the plot: points lie close together, and written at them one name would cover another.
    """
    figure = Figure(figsize=(10, 5), dpi=_DPI, layout="constrained")
    axes = figure.subplots()
    axes.axhline(line, linestyle="--", linewidth=1, color="tab:red")
    for number, point in enumerate(points, start=1):
        colour = "lightgrey" if point.dim else "tab:blue"
        ring = "black" if point.marked else "none"
        label = f"{number}  {point.name}"
        axes.scatter(point.x, point.y, s=point.area, color=colour, edgecolors=ring, linewidths=2, label=label)
        axes.annotate(str(number), (point.x, point.y), (8, 6), textcoords="offset points", fontsize="small")
    axes.set_xlabel(axes_names[0])
    axes.set_ylabel(axes_names[1])
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize="small", frameon=False)
    return _png(figure)


def _png(figure: Figure) -> bytes:
    coded = io.BytesIO()
    figure.savefig(coded, format="png")
    return coded.getvalue()
