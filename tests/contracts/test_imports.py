"""A box must start without any training framework, and fast: importing tells."""

import subprocess
import sys

import pytest

FRAMEWORKS = ("torch", "torchvision", "ultralytics", "nncf", "timm", "onnx")
BOX_MODULES = ("edge.cli", "edge.runtime.cli", "edge.demo.cli", "edge.model.cli", "edge.config_cli")


@pytest.mark.parametrize("module", BOX_MODULES)
def test_importing_a_box_command_loads_no_training_framework(module: str):
    code = f"import sys, {module}; print(*[name for name in {FRAMEWORKS!r} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert loaded == []


def test_listing_the_commands_imports_no_command():
    code = (
        "import sys; from edge.cli import build; import typer; typer.main.get_command(build(['--help']));"
        "print(*[name for name in sys.modules if name.endswith(('cli', 'cv2', 'numpy'))])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert loaded == ["edge.cli"]
