"""`edgekit data check` on the command line: exit codes, a gallery that needs nothing else, and a report to read."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest


def check(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "edge", "data", "check", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


def test_a_clean_set_passes_and_warnings_do_not_fail_it(planted: Any):
    assert check(planted.folder).returncode == 0
    planted.add("train", "zz-again.jpg", planted.scene(3))
    planted.describe()
    done = check(planted.folder)
    assert done.returncode == 0
    assert "warning duplicate: 1" in done.stdout
    assert done.stdout.endswith("planted: 0 errors, 1 warnings\n")


def test_an_error_fails_it_until_it_is_fixed(planted: Any):
    planted.add("val", "leak.jpg", planted.scene(3))
    planted.describe()
    failed = check(planted.folder)
    assert failed.returncode == 1
    assert "images/val/leak.jpg: 1 in train, such as train-3.jpg (correlation 1.00)" in failed.stdout
    assert check(planted.folder, "--only", "duplicate").returncode == 0
    fixed = check(planted.folder, "--fix")
    assert (fixed.returncode, fixed.stderr.count("error")) == (0, 0)
    assert "moved images/train/train-3.jpg to quarantine/images/train/train-3.jpg (leak)" in fixed.stdout
    assert check(planted.folder).returncode == 0


def test_the_report_is_there_for_programs_too(planted: Any):
    planted.label(planted.first()).unlink()
    planted.describe()
    report = json.loads(check(planted.folder, "--json").stdout)
    assert (report["name"], report["errors"]) == ("planted", 1)
    (finding,) = report["findings"]
    assert (finding["kind"], finding["severity"]) == ("no-label-file", "error")
    assert finding["pictures"] == finding["take_out"] == ["images/train/train-0.jpg"]


class Tags(HTMLParser):
    """What an HTML file is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_gallery_shows_the_pictures_and_fetches_nothing(planted: Any, tmp_path: Path):
    name = "<script>alert('1')&.jpg"
    planted.add("val", name, planted.scene(3))
    planted.add("train", "cut.jpg", planted.scene(60)).write_bytes(b"no picture")
    planted.describe()
    out = tmp_path / "gallery.html"
    assert check(planted.folder, "--html", out).returncode == 1
    text = out.read_text("utf-8")
    tags = Tags()
    tags.feed(text)
    assert tags.tags.count("img") == 2  # the leak's two pictures; the other one cannot be shown
    assert "script" not in tags.tags
    assert all(re.match(r"data:image/jpeg;base64,|#", source) for source in tags.sources)
    assert "correlation 1.00" in text


@pytest.mark.parametrize("arguments", [["--only", "nonsense"], ["--blur", "2"]])
def test_what_no_check_knows_is_wrong_use(planted: Any, arguments: list[str]):
    assert check(planted.folder, *arguments).returncode == 2


def test_a_folder_that_is_no_set_is_told_in_one_line(tmp_path: Path):
    done = check(tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)


def test_a_bundle_needs_its_signers_key(planted: Any, tmp_path: Path):
    assert "name the public key with --trusted-key" in check(planted.folder, "--bundle", tmp_path).stderr
