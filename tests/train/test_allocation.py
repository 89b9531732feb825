"""What a training frees stays in the process: the next step finds its pages there."""

import subprocess
import sys

import pytest

FAULTS = """
import resource, sys, torch
from train.allocation import keep_memory
if sys.argv[1] == "keep" and not keep_memory():
    sys.exit("no glibc")
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def step():
    torch.ones(16 << 20)
for _ in range(8):  # until the heap has settled
    step()
before = faults()
for _ in range(8):
    step()
print(faults() - before)
"""


def faults(how: str) -> int:
    """Return how many pages eight steps of 64 MB made the kernel map."""
    done = subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, timeout=120, check=False)
    if done.stderr.strip().endswith("no glibc"):
        pytest.skip("the C library is not glibc: memory cannot be kept")
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_pages_are_mapped_once_and_not_at_every_step() -> None:
    given_back, kept = faults("leave"), faults("keep")
    assert given_back >= 8 * 32  # 64 MB, in pages of 2 MB where the kernel gives such
    assert kept < given_back / 8
