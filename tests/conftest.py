"""What all tests share: an unaccepted skip fails where skips are counted, and data comes from outside."""

import os
import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

ACCEPTED = Path(__file__).parent / "missing_hardware.txt"


def accepted_reasons() -> list[re.Pattern[str]]:
    lines = ACCEPTED.read_text(encoding="utf-8").splitlines()
    return [re.compile(line) for line in lines if line and not line.startswith("#")]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure under EDGEKIT_STRICT_SKIPS unless its reason is a listed lack of hardware."""
    del item, call
    report = yield
    # An expected failure reports itself as skipped too; xfail_strict looks after those.
    expected_failure = hasattr(report, "wasxfail")
    if report.skipped and not expected_failure and os.environ.get("EDGEKIT_STRICT_SKIPS") == "1":
        reason: Any = report.longrepr
        text = str(reason[2]) if isinstance(reason, tuple) else str(reason)
        text = text.removeprefix("Skipped: ")
        if not any(pattern.fullmatch(text) for pattern in accepted_reasons()):
            report.outcome = "failed"
            report.longrepr = f"skipped for a reason that tests/missing_hardware.txt does not list: {text}"
    return report


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The real pictures and weights; a test that needs them is skipped where there are none."""
    folder = os.environ.get("EDGEKIT_DATA")
    if not folder:
        pytest.skip("EDGEKIT_DATA is not set: the real pictures are elsewhere")
    return Path(folder)
