"""The Pareto table and plot of a chain: accuracy against measured latency, with the choice marked."""

from collections.abc import Sequence
from pathlib import Path

from compress.chain.variant import Variant, on_the_front
from train.plots import Point, plot_points

_SQUARE_POINTS_A_MB = 12.0


def table(variants: Sequence[Variant], chosen: Variant | None) -> str:
    """Return a Markdown table of variants, the fastest first; `*` marks the front, `**` the choice.

    The numbers are those of the plot.
    """
    front = on_the_front(variants)
    slowest = max(variant.latency_ms for variant in variants)
    rows = [
        "| | | input | mAP50-95 | against the original | budget | ms | times as fast as the slowest | MB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for number, one in enumerate(_fastest_first(variants), start=1):
        mark = "** " if one == chosen else "* " if one in front else ""
        rows.append(
            f"| {number} | {mark}{one.name} | {one.width}x{one.height} | {one.map50_95:.4f} | "
            f"{one.verdict.gates[0].told()} | {'kept' if one.verdict.kept else 'broken'} | {one.latency_ms:.2f} | "
            f"{slowest / one.latency_ms:.2f} | {one.bytes / 1e6:.1f} |"
        )
    return "\n".join(rows) + "\n"


def plot(variants: Sequence[Variant], chosen: Variant | None, least_map: float, out: Path) -> None:
    """Write a plot of variants as PNG.

    Args:
        variants: To show; those that break the budget are grey, areas grow with the files.
        chosen: Marked, where there is one.
        least_map: mAP50-95 that the budget allows, drawn as a line.
        out: The file.
    """
    points = [
        Point(
            x=one.latency_ms,
            y=one.map50_95,
            area=_SQUARE_POINTS_A_MB * one.bytes / 1e6,
            name=one.name,
            marked=one == chosen,
            dim=not one.verdict.kept,
        )
        for one in _fastest_first(variants)
    ]
    out.write_bytes(plot_points(points, ("ms a picture, median", "mAP50-95"), least_map))


def _fastest_first(variants: Sequence[Variant]) -> list[Variant]:
    return sorted(variants, key=lambda variant: variant.latency_ms)
