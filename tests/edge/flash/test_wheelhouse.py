"""Wheels for a box that is not this machine: what is asked for, what is refused, and, with an index, what is found."""

import zipfile
from pathlib import Path

import pytest

from devices.errors import EdgekitError
from devices.library import profile
from edge.deploy.environment import platforms
from edge.deploy.payload import Target
from edge.flash.kit_wheel import write_kit_wheel
from edge.flash.wheelhouse import Sources, gather

ORIN = Target(architecture="aarch64", python="3.10", least_glibc="2.35")


def test_the_kits_wheel_is_the_same_each_time_and_holds_the_four_packages_and_its_commands(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    first, again = write_kit_wheel(tmp_path), write_kit_wheel(tmp_path / "again")
    assert first.read_bytes() == again.read_bytes()
    with zipfile.ZipFile(first) as wheel:
        names = wheel.namelist()
        entry_points = next(name for name in names if name.endswith("entry_points.txt"))
        assert "edgekit.commands" in wheel.read(entry_points).decode()
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"compress", "devices", "edge", "train"}
    assert not any("__pycache__" in name for name in names)


def test_only_platforms_that_a_target_can_load_are_asked_for() -> None:
    tags = platforms(ORIN)
    assert tags[0] == "manylinux_2_35_aarch64"
    assert "manylinux_2_36_aarch64" not in tags
    assert "linux_aarch64" in tags, "NVIDIA's own are named so"
    assert not any("x86" in tag for tag in tags)


def test_a_jetson_without_its_makers_runtime_is_refused_with_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(EdgekitError, match=r"Jetson AI Lab.*--wheels"):
        gather(tmp_path / "wheels", ORIN, Sources(), profile("jetson-orin-nano-jetpack6"))


def test_what_an_offline_folder_lacks_is_named(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "numpy-2.2.6-cp310-cp310-manylinux_2_17_aarch64.whl").touch()
    with pytest.raises(EdgekitError, match="nothing runs on aarch64 with Python 3"):
        gather(tmp_path / "wheels", ORIN, Sources(tmp_path / "own", index=False))


def test_two_versions_of_one_wheel_are_a_choice_that_nobody_made(tmp_path: Path) -> None:
    for version in ("1.0", "2.0"):
        (tmp_path / f"numpy-{version}-py3-none-any.whl").touch()
    with pytest.raises(EdgekitError, match="two versions of numpy"):
        gather(tmp_path / "wheels", ORIN, Sources(tmp_path, index=False))


@pytest.mark.long
@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12"])
@pytest.mark.parametrize("architecture", ["x86_64", "aarch64"])
def test_the_wheelhouse_is_whole_for_either_processor_and_each_python(
    tmp_path: Path, architecture: str, python: str
) -> None:
    target = Target.model_validate({"architecture": architecture, "python": python, "least_glibc": "2.35"})
    house = gather(tmp_path / "wheels", target, Sources())
    shown = {name.split("-")[0].lower(): name for name in house.wheels}
    for name in ("edgekit", "openvino", "onnxruntime", "opencv_python_headless", "numpy", "pydantic_core", "av"):
        assert name in shown
    assert ("tomli" in shown) == (python == "3.10")
    assert f"-cp{python.replace('.', '')}-" in shown["numpy"]
    assert architecture in shown["numpy"]
    size_mib = sum(path.stat().st_size for path in (tmp_path / "wheels").iterdir()) >> 20
    print(f"{architecture} {python}: {len(house.wheels)} wheels, {size_mib} MiB, glibc {house.target.least_glibc}")


@pytest.mark.long
def test_wheels_of_ones_own_take_the_place_of_the_indexs(tmp_path: Path) -> None:
    """A stand-in by name for NVIDIA's build, which no index here has: what is tested is which file is taken."""
    own = tmp_path / "own"
    own.mkdir()
    name = "onnxruntime_gpu-1.23.0"
    with zipfile.ZipFile(own / f"{name}-cp310-cp310-linux_aarch64.whl", "w") as wheel:
        wheel.writestr("onnxruntime/__init__.py", "")
        wheel.writestr(f"{name}.dist-info/METADATA", "Metadata-Version: 2.1\nName: onnxruntime-gpu\nVersion: 1.23.0\n")
        wheel.writestr(f"{name}.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: cp310-cp310-linux_aarch64\n")
        wheel.writestr(f"{name}.dist-info/RECORD", "")
    house = gather(tmp_path / "wheels", ORIN, Sources(own), profile("jetson-orin-nano-jetpack6"))
    assert f"{name}-cp310-cp310-linux_aarch64.whl" in house.wheels
    assert not any(wheel.startswith("onnxruntime-") for wheel in house.wheels)
