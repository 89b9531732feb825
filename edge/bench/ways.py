"""The cases of a bench: which ways to run a bundle's model this machine knows, and over how many cameras."""

from collections.abc import Callable, Sequence
from pathlib import Path

from edge.bench.plan import Case, Mode, Model, PrecisionWanted, mode_of
from edge.model.bundle import Bundle, open_bundle
from edge.model.choice import Choice, candidates
from edge.model.detector import Backend
from edge.model.engine import Device
from edge.model.probing import Trial, tried

_OF_HINT: dict[str, PrecisionWanted] = {"bf16": "bf16", "f16": "fp16"}


def opened(bundle: Path, keys: tuple[Path, ...]) -> tuple[Model, Bundle]:
    """Open a bundle that is to be run.

    Raises:
        EdgekitError: There is none, or nobody trusted has signed it.
    """
    found = open_bundle(bundle, keys)
    size = f"{found.manifest.input.height}x{found.manifest.input.width}"
    return Model(bundle.resolve(), tuple(key.resolve() for key in keys), found.digest, size), found


def plain(
    models: Sequence[Model], streams: Sequence[int], backend: Backend, precision: PrecisionWanted, mode: Mode | None
) -> list[Case]:
    """Return a case for each bundle and number of cameras, all run in one way."""
    return [Case(model, count, backend, precision, mode_of(count, mode), mode) for model in models for count in streams]


def matrix(
    found: Sequence[tuple[Model, Bundle]], streams: Sequence[int], device: Device, progress: Callable[[str], None]
) -> list[Case]:
    """Return a case for each way that works here to run each bundle; one camera in either mode.

    Raises:
        EdgekitError: A bundle has no file for an engine that is installed.
    """
    cases: list[Case] = []
    for model, bundle in found:
        for choice in candidates(bundle, "auto", device):
            fault = tried(
                Trial(bundle=model.bundle, trusted_keys=model.trusted_keys, choice=choice, device=device, requests=1)
            ).fault
            if fault is not None:
                progress(f"left out: {model.size} {choice}: {fault}")
                continue
            precision = precision_of(choice)
            for count in streams:
                both: tuple[Mode, ...] = ("latency", "throughput") if count == 1 else ("throughput",)
                cases += [Case(model, count, choice.backend, precision, mode=one) for one in both]
    return cases


def precision_of(choice: Choice) -> PrecisionWanted:
    """Return how `[inference]` spells a way's file and float type."""
    return _OF_HINT.get(choice.hint, choice.precision)
