"""The command line itself: listing is cheap, failures are one line, wrong use is told from failing."""

import re
import subprocess
import sys
from collections import defaultdict
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest

from devices.errors import EdgekitError
from edge.cli import EXTRA_OF_MODULE, missing_extra

EXAMPLE = Path(__file__).parents[2] / "systemd" / "box.toml.example"


def edgekit(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from edge.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_listing_names_every_command_with_its_summary():
    listing = edgekit("--help")
    assert listing.returncode == 0
    assert "Check a box.toml before a box runs it." in listing.stdout


def test_the_version_is_told_without_a_command():
    assert edgekit("--version").stdout.strip()[0].isdigit()


def test_a_failure_is_one_line_and_exit_code_1(tmp_path: Path):
    failed = edgekit("config", "check", str(tmp_path / "none.toml"))
    assert failed.returncode == 1
    assert failed.stderr.startswith("error: cannot read the configuration")
    assert failed.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [("nonsense",), ("config", "check"), ("config", "check", "--wrong", "x")])
def test_wrong_use_is_exit_code_2(arguments: tuple[str, ...]):
    assert edgekit(*arguments).returncode == 2


def test_a_missing_extra_is_told_with_the_line_that_installs_it():
    told = missing_extra(ModuleNotFoundError("No module named 'torch'", name="torch"))
    assert isinstance(told, EdgekitError)
    assert "pip install 'edgekit[train]'" in str(told)


def test_every_package_of_an_extra_is_known_by_the_module_that_is_missing_without_it():
    modules = defaultdict[str, set[str]](set)
    for module, packages in packages_distributions().items():
        for package in packages:
            modules[package.lower().replace("_", "-")].add(module)
    unknown: set[str] = set()
    for requirement in requires("edgekit") or ():
        asked = re.match(r"([\w.-]+).*extra == ['\"](\w+)", requirement)
        if asked is None or asked[2] == "dev" or asked[1] not in modules:
            continue  # of every install, a tool, or not installed here
        if not any(EXTRA_OF_MODULE.get(module) for module in modules[asked[1]]):
            unknown.add(asked[1])
    assert not unknown


def test_any_other_missing_module_stays_what_it_is():
    error = ModuleNotFoundError("No module named 'something'", name="something.deep")
    assert missing_extra(error) is error


def test_a_configuration_whose_routes_cannot_be_used_is_not_called_valid(tmp_path: Path):
    whole = EXAMPLE.read_text(encoding="utf-8").replace("[outbox]", '[routing]\nroutes = "routes.toml"\n[outbox]')
    (tmp_path / "box.toml").write_text(whole, encoding="utf-8")
    (tmp_path / "routes.toml").write_text('exception = "9"\n')
    assert edgekit("config", "check", str(tmp_path / "box.toml")).returncode == 0
    (tmp_path / "routes.toml").write_text("exception = 9\n")
    refused = edgekit("config", "check", str(tmp_path / "box.toml"))
    assert refused.returncode == 1
    assert "routes.toml: exception" in refused.stderr
