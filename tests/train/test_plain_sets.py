"""Public files that are no set to train on are copied as they are, with licence, source and digest."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from devices.errors import EdgekitError
from train.data_cli import app
from train.plain_sets import FilesOrigin, get_plain


@pytest.fixture
def download(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "barcode-decode"
    (folder / "zxing").mkdir(parents=True)
    (folder / "manifest.csv").write_text("file,text\nzxing/a.png,one\n", encoding="utf-8")
    (folder / "zxing" / "a.png").write_bytes(b"picture")
    return tmp_path / "data"


def test_files_are_copied_and_say_where_they_come_from(download: Path, tmp_path: Path):
    told = get_plain("barcode-decode", download, tmp_path / "out")
    assert (tmp_path / "out" / "zxing" / "a.png").read_bytes() == b"picture"
    written = FilesOrigin.model_validate_json((tmp_path / "out" / "origin.json").read_bytes())
    assert written == told
    assert (told.licence, told.files) == ("Apache-2.0", 2)


def test_the_digest_is_of_the_content_and_a_copy_of_a_copy_has_the_same(download: Path, tmp_path: Path):
    first = get_plain("barcode-decode", download, tmp_path / "a" / "barcode-decode")
    assert get_plain("barcode-decode", tmp_path / "a", tmp_path / "again").digest == first.digest
    (download / "barcode-decode" / "zxing" / "a.png").write_bytes(b"another")
    assert get_plain("barcode-decode", download, tmp_path / "changed").digest != first.digest


def test_files_that_are_not_there_are_named_and_nothing_is_left(download: Path, tmp_path: Path):
    with pytest.raises(EdgekitError, match=r"does not hold video, with its bottle-detection\.mp4"):
        get_plain("video", download, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_knows_them(download: Path, tmp_path: Path):
    ran = CliRunner().invoke(app, ["get", "barcode-decode", str(tmp_path / "out"), "--from", str(download)])
    assert ran.exit_code == 0, ran.output
    assert "2 files, Apache-2.0" in ran.stdout
