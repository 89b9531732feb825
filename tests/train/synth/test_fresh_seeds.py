"""The demonstration holds on clips that nothing was tuned on; rendering them takes minutes each."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from train.synth.clip import plan_clip
from train.synth.recording import write_clip
from train.synth.settings import ClipConfig

SEEDS = range(211, 221)


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
def test_a_fresh_clip_scores_like_the_shipped_one(seed: int, tmp_path: Path):
    write_clip(tmp_path / "belt.mp4", plan_clip(ClipConfig(), seed))
    arguments = ["demo", "--json", "--clip", str(tmp_path / "belt.mp4"), "--picture", str(tmp_path / "demo.jpg")]
    command = [sys.executable, "-m", "edge", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    score = json.loads(done.stdout)["score"]
    assert done.returncode == 0, score
    assert score["seen"] == score["parcels"]
    assert score["wrong"] == []
    assert score["read"] >= 0.95 * score["readable"]
