"""The part of /metrics that tells how well the model does here: hard cases, audit, drift."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from edge.audit.desk import AuditDesk
from edge.drift.watch import DriftWatch
from edge.hard_cases.keeper import CaseKeeper
from edge.runtime.keeping import Keeping


def loop_metrics(keeping: Keeping) -> Iterator[Metric]:
    """Yield what the configuration asks to be kept or watched; nothing of the rest."""
    if keeping.cases is not None:
        yield from _cases(keeping.cases)
    if keeping.audit is not None:
        yield from _audit(keeping.audit)
    if keeping.drift is not None:
        yield from _drift(keeping.drift)
    agreements = CounterMetricFamily(
        "edgekit_code_and_classifier_total", "Events of which both told a product.", labels=("camera", "agree")
    )
    for (camera, agree), count in sorted(keeping.agreements.items()):
        agreements.add_metric((camera, "yes" if agree else "no"), count)
    yield agreements


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


def _audit(desk: AuditDesk) -> Iterator[Metric]:
    labels = ("camera", "figure", "bound")
    shares = GaugeMetricFamily("edgekit_audit_share", "By people's answers; low and high: of 95 %.", labels=labels)
    answers = CounterMetricFamily("edgekit_audit_answers_total", "People's answers.", labels=("camera", "answer"))
    for camera, counts in sorted(desk.counts.items()):
        for figure, share in (("precision", counts.precision), ("read_accuracy", counts.read_accuracy)):
            if share is not None:
                for bound, value in (("value", share.value), ("low", share.low), ("high", share.high)):
                    shares.add_metric((camera, figure, bound), value)
        for answer, count in counts.model_dump().items():
            answers.add_metric((camera, answer), count)
    yield from (shares, answers)
    yield GaugeMetricFamily("edgekit_audit_waiting", "Events that wait for an answer.", value=len(desk.waiting))
    yield CounterMetricFamily("edgekit_audit_given_way_total", "Events that nobody answered.", value=desk.given_way)


def _drift(watch: DriftWatch) -> Iterator[Metric]:
    off = GaugeMetricFamily(
        "edgekit_drift_off", "Figures that moved, by what they are now.", labels=("camera", "figure")
    )
    usual = GaugeMetricFamily("edgekit_drift_usual", "The same, as they were.", labels=("camera", "figure"))
    for camera, moved in sorted(watch.off.items()):
        for one in moved:
            off.add_metric((camera, one.figure), one.value)
            usual.add_metric((camera, one.figure), one.usual)
    learning = GaugeMetricFamily("edgekit_drift_learning", "1 while the measure is still taken.", labels=("camera",))
    for camera, learns in sorted(watch.learning.items()):
        learning.add_metric((camera,), learns)
    yield from (off, usual, learning)
