"""The classifier of a running box is exchanged like its detector: proved, compared, taken back where it fails."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from devices.errors import EdgekitError
from edge.config import Box, BoxConfig, Bundle, Classifier, Swap
from edge.mqtt.messages import ModelKind, SwapMessage, SwapState
from edge.mqtt.section import Outbox
from edge.runtime.classifier_in_use import ClassifierInUse
from edge.runtime.classifying import Classifying, load_classifying
from edge.runtime.swap import ModelSwap
from edge.runtime.swap_classifier import ClassifierSwap
from edge.tags.crops import Crop
from edge.tags.verdict import Attributes
from edge.video.section import Camera, FileSource
from edge.zones import Shelf

Make = Callable[..., Any]
RED = Crop("rack", 1, np.full((40, 40, 3), (20, 20, 230), np.uint8))
ENDS = (SwapState.DONE, SwapState.REFUSED, SwapState.ROLLED_BACK)


@dataclass
class Site:
    """A classifier in use, its exchange, and what that told."""

    in_use: ClassifierInUse
    swap: ModelSwap
    told: list[SwapMessage]

    def exchange(self, name: str, eventually: Make) -> SwapMessage:
        self.swap.begin("c", name, ModelKind.CLASSIFIER)
        eventually(lambda: self.told and self.told[-1].state in ENDS, 60)
        return self.told[-1]


@pytest.fixture
def open_site(make_classifier_bundle: Make, tmp_path: Path) -> Iterator[Make]:
    """Open sites with a red thing that is looked at again and again, or with nothing to look at."""
    with ExitStack() as running:

        def start(*, busy: bool = True, **swap: Any) -> Site:
            made = make_classifier_bundle()
            source = FileSource(kind="file", path=Path("x.mp4"))
            rack = Shelf(name="rack", rectangle=(0, 0, 1, 1), count_by="colour", expected=("red",))
            bounds: dict[str, Any] = {
                "shadow_frames": 5,
                "shadow_s": 5.0,
                "probation_s": 0.3,
                "most_slower": 50,
                **swap,
            }
            config = BoxConfig(
                box=Box(site="hall", name="box-1"),
                bundle=Bundle(path=tmp_path, trusted_keys=(made.public,)),
                classifier=Classifier(path=made.folder, backend="onnxruntime"),
                swap=Swap(folder=made.folder.parent, **bounds),
                outbox=Outbox(path=tmp_path / "outbox.sqlite"),
                camera=(Camera(name="gate", source=source, shelf=(rack,)),),
            )
            loaded = load_classifying(config, None)
            assert loaded is not None
            in_use = ClassifierInUse(loaded, made.folder)
            told: list[SwapMessage] = []
            exchange = ModelSwap(config.swap, {ModelKind.CLASSIFIER: ClassifierSwap(config, in_use)}, told.append)
            ended = threading.Event()

            def look() -> None:
                while not ended.wait(0.002):
                    in_use.see(RED)

            thread = threading.Thread(target=look, daemon=True)
            if busy:
                thread.start()
                running.callback(thread.join, 10)
            running.callback(ended.set)
            running.callback(exchange.stop, 10)
            return Site(in_use, exchange, told)

        yield start


def test_another_classifier_takes_its_place_and_new_votes_are_about_what_it_tells(
    open_site: Make, make_classifier_bundle: Make, eventually: Make
):
    site = open_site()
    before = site.in_use.current.digest
    second = make_classifier_bundle(thresholds={"colour": 0.55, "warmth": 0.7})
    site.in_use.use.attributes = Attributes(())  # whatever the old one told
    end = site.exchange(second.folder.name, eventually)
    assert (end.state, end.model, end.model_digest) == (
        SwapState.DONE,
        ModelKind.CLASSIFIER,
        site.in_use.current.digest,
    )
    assert "100% of what the old one found" in str(end.detail)
    assert site.in_use.current.digest != before
    assert site.in_use.use.attributes.single == ("colour", "warmth")
    assert [step.state for step in site.told][:3] == [SwapState.LOADING, SwapState.SHADOW, SwapState.PROBATION]


def test_where_nothing_is_looked_at_its_self_test_has_to_do(
    open_site: Make, make_classifier_bundle: Make, eventually: Make
):
    site = open_site(busy=False, shadow_s=0.2)
    end = site.exchange(make_classifier_bundle(thresholds={"colour": 0.55, "warmth": 0.7}).folder.name, eventually)
    assert (end.state, "proved by its self-test alone" in str(end.detail)) == (SwapState.DONE, True)


def test_what_a_box_cannot_use_is_refused_and_a_box_without_the_model_says_so(
    open_site: Make, make_bundle: Make, eventually: Make
):
    site = open_site()
    before = site.in_use.current.digest
    for name, why in ((make_bundle().folder.name, "detector"), (site.in_use.path.name, "in use already")):
        end = site.exchange(name, eventually)
        assert (end.state, why in str(end.detail)) == (SwapState.REFUSED, True), end
        site.told.clear()
        eventually(lambda: not any(thread.name == "model-swap" for thread in threading.enumerate()))
    assert site.in_use.current.digest == before
    with pytest.raises(EdgekitError, match="this box has no detector to exchange"):
        site.swap.begin("c", None, ModelKind.DETECTOR)


@pytest.mark.parametrize(("fails", "why"), [(True, "it failed on a picture"), (False, "times as long")])
def test_a_classifier_that_fails_or_slows_down_in_use_is_rolled_back_and_no_look_is_lost(
    open_site: Make,
    make_classifier_bundle: Make,
    eventually: Make,
    monkeypatch: pytest.MonkeyPatch,
    *,
    fails: bool,
    why: str,
):
    site = open_site(probation_s=60.0, most_slower=20)
    eventually(lambda: site.in_use.usual_ms is not None)  # nothing is slower than what was never measured
    before = site.in_use.current
    say = Classifying.say

    def moody(self: Classifying, image: Any) -> Any:
        if self.digest != before.digest and site.told[-1].state is SwapState.PROBATION:
            if fails:
                raise RuntimeError("this model is broken")
            time.sleep(0.4)
        return say(self, image)

    monkeypatch.setattr(Classifying, "say", moody)
    end = site.exchange(make_classifier_bundle(thresholds={"colour": 0.55, "warmth": 0.7}).folder.name, eventually)
    assert (end.state, why in str(end.detail)) == (SwapState.ROLLED_BACK, True), end
    assert site.in_use.current.digest == before.digest
    assert site.in_use.see(RED)
