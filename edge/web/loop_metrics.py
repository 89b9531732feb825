"""The part of /metrics that tells how well the model does here: hard cases, audit, drift."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from edge.hard_cases.keeper import CaseKeeper
from edge.runtime.keeping import Keeping


def loop_metrics(keeping: Keeping) -> Iterator[Metric]:
    """Yield what the configuration asks to be kept or watched; nothing of the rest."""
    if keeping.cases is not None:
        yield from _cases(keeping.cases)


def _cases(keeper: CaseKeeper) -> Iterator[Metric]:
    kept = CounterMetricFamily("edgekit_hard_cases_kept_total", "Crops kept for the next training.", labels=("reason",))
    for reason, count in keeper.kept.items():
        kept.add_metric((reason,), count)
    missed = CounterMetricFamily("edgekit_hard_cases_missed_total", "Crops not kept, or let go.", labels=("cause",))
    for cause, count in keeper.missed.items():
        missed.add_metric((cause,), count)
    yield from (kept, missed)
    yield GaugeMetricFamily("edgekit_hard_cases_files", "Cases on disk.", value=keeper.files)
    yield GaugeMetricFamily("edgekit_hard_cases_bytes", "Of all cases on disk.", value=keeper.size_bytes)
