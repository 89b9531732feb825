"""What a training step of a classifier costs on one core, with and without what the kit does to make it cheap.

    python tests/peers/training_step.py --backbone tf_efficientnet_lite0 --px 192

Processor seconds of a step forwards and backwards of 32 random pictures, the least of some; a process for each row,
since memory that is kept once is kept for good. Rows are taken in turn, so that other work on the machine meets all.
"""

import argparse
import contextlib
import statistics
import subprocess
import sys
import time

import torch

from train.allocation import keep_memory
from train.classifier.backbones import create_backbone
from train.classifier.depthwise import FastDepthwise
from train.classifier.settings import NetworkSettings

PICTURES = 32
STEPS = 5
WAYS = ("stock", "memory kept", "memory kept, depthwise in f32 backwards")


def seconds(backbone: str, px: int, precision: str, way: str) -> float:
    """Return the processor seconds of the quickest of some steps."""
    torch.set_num_threads(1)
    if way != WAYS[0]:
        keep_memory()
    network = create_backbone(NetworkSettings(backbone=backbone), started=False).module.train()
    network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - torch's stub lacks it
    pictures = torch.rand(PICTURES, 3, px, px).contiguous(memory_format=torch.channels_last)
    taken: list[float] = []
    for _ in range(STEPS + 1):
        begun = time.process_time()
        with (
            FastDepthwise() if way == WAYS[2] else contextlib.nullcontext(),
            torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"),
        ):
            features = network(pictures)
        features.float().square().mean().backward()
        network.zero_grad()
        taken.append(time.process_time() - begun)
    return min(taken[1:])  # the first one maps memory and builds kernels


def main() -> None:
    """Print the table, or the one figure of a row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", default="tf_efficientnet_lite0")
    parser.add_argument("--px", type=int, default=192)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--row", nargs=2, metavar=("PRECISION", "WAY"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.row:
        print(seconds(asked.backbone, asked.px, *asked.row))
        return
    rows = [(precision, way) for precision in ("f32", "bf16") for way in WAYS if (precision, way) != ("f32", WAYS[2])]
    taken: dict[tuple[str, str], list[float]] = {row: [] for row in rows}
    for _ in range(asked.rounds):
        for row in rows:
            command = [sys.executable, __file__, "--backbone", asked.backbone, "--px", str(asked.px), "--row", *row]
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
            taken[row].append(float(done.stdout))
    print(f"{asked.backbone}, {PICTURES} pictures of {asked.px} px, torch {torch.__version__}, one thread")
    for (precision, way), each in taken.items():
        print(f"  {precision}  {way:42} {statistics.median(each):.2f} s  ({min(each):.2f} to {max(each):.2f})")


if __name__ == "__main__":
    main()
