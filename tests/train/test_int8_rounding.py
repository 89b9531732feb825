"""Learning under INT8's rounding."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from edge.evaluate.dataset import DetectionSet
from train import yolo_trainer
from train.detector import TrainSettings, train_detector
from train.int8_rounding import learn_under_int8, rounded_weights
from train.yolo_models import load, model_yaml


@pytest.mark.parametrize(("bits", "levels"), [(8, 127), (7, 63)])
def test_weights_lie_on_the_steps_of_their_own_channel(bits: int, levels: int):
    weights = torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor(
        [0.01, 0.1, 1.0, 10.0]
    ).view(4, 1, 1, 1)
    rounded = rounded_weights(weights, bits)
    for channel, exact in zip(rounded, weights, strict=True):
        step = exact.abs().max() / levels
        steps = channel / step
        torch.testing.assert_close(steps, steps.round(), atol=1e-3, rtol=0)
        assert (channel - exact).abs().max() <= step / 2 * 1.001


def test_a_convolution_computes_what_a_quantised_file_computes_and_learns():
    layer = torch.nn.Conv2d(3, 5, 3, padding=1)
    model = torch.nn.Sequential(layer)
    features = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1)) * 3 - 1
    exact = layer(features)
    learn_under_int8(model, 8)
    given = model(features)
    low, high = float(features.min()), float(features.max())
    scale = (high - low) / 255
    bytes_ = ((features / scale).round() + round(-low / scale)).clamp(0, 255)
    dequantised = (bytes_ - round(-low / scale)) * scale
    expected = torch.nn.functional.conv2d(dequantised, rounded_weights(layer.weight, 8), layer.bias, padding=1)
    torch.testing.assert_close(given, expected, atol=1e-5, rtol=1e-5)
    assert 0 < (given - exact).abs().max() < 0.1
    given.square().mean().backward()
    gradient: Any = layer.weight.grad
    assert gradient is not None
    assert gradient.abs().sum() > 0


def test_the_range_of_features_follows_the_batches_and_does_not_jump():
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1, bias=False))
    with torch.no_grad():
        model[0].weight.fill_(1.0)  # pyright: ignore[reportCallIssue]
    learn_under_int8(model, 8)
    ones = torch.ones(1, 1, 2, 2)
    model(ones)
    outlier = model(ones * 100).detach()
    assert float(outlier.max()) == pytest.approx(1 + 0.1 * 99, rel=0.01)  # cut off at a range that moved by a tenth


def test_rounding_acts_in_training_and_is_not_in_the_checkpoint(
    make_set: Callable[..., DetectionSet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    rounding: list[int] = []
    stock = yolo_trainer.PartialTrainer.optimizer_step

    def look(trainer: Any) -> None:
        rounding.append(sum("forward" in vars(module) for module in trainer.model.modules()))
        stock(trainer)

    monkeypatch.setattr(yolo_trainer.PartialTrainer, "optimizer_step", look)
    settings = TrainSettings(
        weights=model_yaml("yolov8n", 3, tmp_path / "yolov8n.yaml"),
        input_px=64,
        epochs=1,
        batch=4,
        freeze=0,
        plain_epochs=0,
        int8_weight_bits=7,
    )
    best = train_detector(settings, [make_set("a", ("carton",), 0)], tmp_path / "run")
    model = load(best).model
    convolutions = sum(isinstance(module, torch.nn.Conv2d) for module in model.modules())
    assert set(rounding) == {convolutions - 1}  # all but that of the distances' decoding
    assert not any("forward" in vars(module) for module in model.modules())
    assert all(torch.isfinite(value).all() for value in model.state_dict().values())
