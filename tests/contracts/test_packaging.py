"""What the installed distribution promises: four packages of its own, headless OpenCV, a named licence for weights."""

import re
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("package", ["edge", "train", "compress", "devices"])
def test_each_package_comes_from_edgekit_alone(package: str):
    assert set(packages_distributions().get(package, ["edgekit"])) == {"edgekit"}


def test_metadata_names_the_licence_of_code_and_of_weights():
    licence = distribution("edgekit").metadata["License-Expression"]
    assert licence == "Apache-2.0 AND AGPL-3.0-only"


def test_only_headless_opencv_is_installed_in_any_extra():
    assert packages_distributions()["cv2"] == ["opencv-python-headless"]


def test_top_level_folders_are_the_layout_of_the_architecture():
    expected = {"edge", "train", "compress", "devices", "tests", "systemd"}
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert expected <= set(re.findall(r"`(\w+)/`", text))
