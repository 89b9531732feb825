"""The box in Prometheus' form: read from the counts that the runtime keeps anyhow, at the moment of a scrape."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from edge.runtime.view import BoxView, CameraView
from edge.runtime.watch import BOUNDS_MS, Histogram
from edge.video.health import FeedState
from edge.web.loop_metrics import loop_metrics
from edge.web.pictures import Pictures

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Everything that /metrics tells. Labels are names from box.toml and words of the code, so their number is bounded.

    Args:
        view: The box.
        pictures: Of the page, counted too.
    """

    def __init__(self, view: BoxView, pictures: Pictures) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._registry)
        self._registry.register(_BoxCollector(view, pictures))

    def text(self) -> bytes:
        """Return all of it in the text format."""
        return generate_latest(self._registry)


class _BoxCollector(Collector):
    def __init__(self, view: BoxView, pictures: Pictures) -> None:
        self._view = view
        self._pictures = pictures

    def collect(self) -> Iterator[Metric]:
        cameras = self._view.cameras()
        yield self._info()
        yield _gauge("edgekit_uptime_seconds", "Since the run began.", self._view.uptime_s)
        yield _gauge("edgekit_broker_connected", "1 while the broker's connection stands.", self._view.connected)
        yield from self._outbox()
        yield from _frames(cameras)
        yield from _states(cameras)
        yield self._events()
        yield from self._looks()
        yield _stages(cameras)
        yield from loop_metrics(self._view.keeping)
        yield _counter("edgekit_page_pictures_total", "Pictures encoded for the page.", self._pictures.made)

    def _info(self) -> Metric:
        model = self._view.model
        told = {
            "site": self._view.config.box.site,
            "box": self._view.config.box.name,
            "run_id": self._view.run_id,
            "version": self._view.versions.get("edgekit", ""),
            "model": model.name,
            "model_version": model.version,
            "model_digest": model.digest,
            "backend": model.engine.backend,
            "device": model.engine.device,
            "precision": model.engine.precision,
        }
        family = InfoMetricFamily("edgekit", "What runs here.")
        family.add_metric((), told)
        return family

    def _outbox(self) -> Iterator[Metric]:
        outbox = self._view.outbox()
        yield _gauge("edgekit_outbox_events", "Events that are not delivered yet.", outbox.depth)
        yield _gauge("edgekit_outbox_most_events", "As many are kept; older ones are discarded.", outbox.most)
        yield _counter("edgekit_outbox_discarded_total", "Events discarded undelivered.", outbox.discarded)
        behind = GaugeMetricFamily(
            "edgekit_consumer_unacknowledged_events", "Events a consumer still owes.", labels=("consumer",)
        )
        for consumer, count in outbox.unacknowledged.items():
            behind.add_metric((consumer,), count)
        yield behind

    def _looks(self) -> Iterator[Metric]:
        looks = CounterMetricFamily("edgekit_looks_total", "Crops that were looked at.", labels=("by",))
        failed = CounterMetricFamily("edgekit_looks_failed_total", "Crops on which looking failed.", labels=("by",))
        for by, counts in sorted(self._view.looks.items()):
            looks.add_metric((by,), counts.looks)
            failed.add_metric((by,), counts.failed)
        yield from (looks, failed)

    def _events(self) -> Metric:
        events = CounterMetricFamily("edgekit_events_total", "Committed events.", labels=("camera", "kind"))
        for (camera, kind), count in sorted(self._view.watch.counts().items()):
            events.add_metric((camera, kind), count)
        return events


def _frames(cameras: tuple[CameraView, ...]) -> Iterator[Metric]:
    captured = CounterMetricFamily("edgekit_frames_captured_total", "Frames that came.", labels=("camera",))
    finished = CounterMetricFamily("edgekit_frames_total", "Frames through every stage.", labels=("camera",))
    still = CounterMetricFamily("edgekit_frames_still_total", "Of those, not inferred anew.", labels=("camera",))
    dropped = CounterMetricFamily(
        "edgekit_frames_dropped_total", "Frames nobody looked at.", labels=("camera", "cause")
    )
    read_late = CounterMetricFamily(
        "edgekit_parcels_read_late_total", "Parcels whose first text was sure after their event.", labels=("camera",)
    )
    in_flight = GaugeMetricFamily(
        "edgekit_frames_in_flight", "Frames between capture and the end of their lane.", labels=("camera",)
    )
    for camera in cameras:
        name = (camera.camera.name,)
        captured.add_metric(name, camera.health.frames)
        finished.add_metric(name, camera.frames)
        still.add_metric(name, camera.still)
        read_late.add_metric(name, camera.read_late)
        in_flight.add_metric(name, camera.in_flight + camera.waiting)
        drops = camera.health.drops
        for cause, count in (("superseded", drops.superseded), ("damaged", drops.damaged), ("blind", drops.blind)):
            dropped.add_metric((*name, cause), count)
    yield from (captured, finished, still, dropped, read_late, in_flight)


def _states(cameras: tuple[CameraView, ...]) -> Iterator[Metric]:
    states = GaugeMetricFamily("edgekit_camera_state", "1 for the state that holds.", labels=("camera", "state"))
    fps = GaugeMetricFamily("edgekit_camera_frames_per_second", "Over the last frames.", labels=("camera",))
    for camera in cameras:
        for state in FeedState:
            states.add_metric((camera.camera.name, state.value), camera.health.state is state)
        fps.add_metric((camera.camera.name,), camera.health.fps or 0.0)
    yield from (states, fps)


def _stages(cameras: tuple[CameraView, ...]) -> Metric:
    stages = HistogramMetricFamily(
        "edgekit_stage_seconds", "Time of a frame in each stage; total: arrival to end.", labels=("camera", "stage")
    )
    for camera in cameras:
        for stage, histogram in sorted(camera.watch.stages.items()):
            stages.add_metric((camera.camera.name, stage), *_buckets(histogram))
    return stages


def _buckets(histogram: Histogram) -> tuple[list[tuple[str, float]], float]:
    """Return cumulative counts by upper bound in seconds, as Prometheus wants them, and the sum."""
    running = 0
    buckets: list[tuple[str, float]] = []
    names = [*(str(bound / 1000) for bound in BOUNDS_MS), "+Inf"]
    for name, count in zip(names, list(histogram.counts), strict=True):
        running += count
        buckets.append((name, running))
    return buckets, histogram.sum_ms / 1000


def _gauge(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(name, told, value=value)


def _counter(name: str, told: str, value: float) -> Metric:
    return CounterMetricFamily(name, told, value=value)
