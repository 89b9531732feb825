"""A new model counts in the classes of the run, is taken back when it fails, and the old one leaves memory."""

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edge.model.bundle import open_bundle
from edge.model.detector import load_detector
from edge.model.manifest import Thresholds
from edge.runtime.model_in_use import LoadedModel, ModelInUse

BRIGHT = np.full((48, 64, 3), 240, np.uint8)


@pytest.fixture
def load(make_bundle: Callable[..., Any]) -> Callable[..., LoadedModel]:
    """Load brightness models; keyword arguments change the manifest."""

    def make(known: tuple[str, ...] = (), **changes: Any) -> LoadedModel:
        made = make_bundle(**changes)
        bundle = open_bundle(made.folder, [made.public])
        return LoadedModel.of(bundle, load_detector(bundle, backend="onnxruntime", requests=1), known)

    return make


def test_a_class_keeps_its_id_whatever_place_the_next_model_gives_it(load: Callable[..., LoadedModel]):
    model = load(("qr", "pallet", "carton"))
    assert model.classes == ("qr", "pallet", "carton", "barcode")
    assert model.detect(BRIGHT).class_id.tolist() == [2]


def test_a_model_on_probation_that_fails_makes_way_for_the_one_before_it(load: Callable[..., LoadedModel]):
    old, new = load(), load(thresholds=Thresholds(score=0.4, nms_iou=0.6))
    models = ModelInUse(old)
    assert models.instead_of(old, RuntimeError("no memory")) is None  # nothing to fall back to
    models.exchange(new, usual_ms=5.0)
    assert models.current.digest == new.digest
    better = models.instead_of(new, RuntimeError("no memory"))
    assert better is not None
    assert (better.digest, models.current.digest) == (old.digest, old.digest)
    second = models.instead_of(new, RuntimeError("no memory"))  # of a frame that was on its way already
    assert second is models.current
    assert models.settle() == "it failed on a picture: no memory"


def test_a_threshold_that_was_set_holds_over_an_exchange_and_over_a_rollback(load: Callable[..., LoadedModel]):
    models = ModelInUse(load())
    models.set_threshold(0.7)
    models.exchange(load(thresholds=Thresholds(score=0.4, nms_iou=0.6)), usual_ms=5.0)
    assert models.current.detector.score_threshold == 0.7
    models.set_threshold(0.8)
    models.roll_back("it is slow")
    assert models.failure == "it is slow"
    assert models.current.detector.score_threshold == 0.8


def test_a_model_is_judged_slow_by_its_median_once_enough_frames_went_through(load: Callable[..., LoadedModel]):
    models = ModelInUse(load())
    new = load(thresholds=Thresholds(score=0.4, nms_iou=0.6))
    models.exchange(new, usual_ms=5.0)
    for infer_ms in (10.0, 10.0, 500.0):
        models.took(new, infer_ms)
    assert models.slower_by(4) is None
    models.took(new, 10.0)
    assert models.slower_by(4) == pytest.approx(2.0)


def test_the_old_model_leaves_memory_with_the_end_of_the_probation(load: Callable[..., LoadedModel]):
    old = load()
    models, gone = ModelInUse(old), weakref.ref(old.detector)
    del old
    models.exchange(load(thresholds=Thresholds(score=0.4, nms_iou=0.6)), usual_ms=None)
    gc.collect()
    assert gone() is not None
    assert models.settle() is None
    gc.collect()
    assert gone() is None
