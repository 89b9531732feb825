"""Parts of an archive: which pictures are whose, what a restart does, and what is refused."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from devices.errors import EdgekitError
from edge.cli import build, missing_extra
from edge.predict.archive import Order, Span, Tally, digest_of, open_archive, sorted_paths, spans_of
from edge.predict.on_ray import SpanWorker
from edge.predict.pictures import PictureFile
from edge.predict.predictor import PredictorChoice

Make = Callable[..., Any]
PATHS = [f"/shop/{number:02d}.jpg" for number in range(7)]


def order(**changes: Any) -> Order:
    said: dict[str, Any] = {
        "pictures": len(PATHS),
        "pictures_sha256": digest_of(PATHS),
        "per_part": 3,
        "detector": "d" * 64,
        "classifier": None,
        "score": None,
        "formats": (),
    }
    return Order(**(said | changes))


def lines(count: int, *, unread: int = 0) -> bytes:
    kinds = ["unread-picture"] * unread + ["prediction"] * (count - unread)
    return b"".join(json.dumps({"schema": f"edgekit.{kind}/1"}).encode() + b"\n" for kind in kinds)


@given(pictures=st.integers(1, 3000), per_part=st.integers(1, 700))
def test_spans_are_all_pictures_and_none_twice(pictures: int, per_part: int):
    spans = spans_of(pictures, per_part)
    assert [one for span in spans for one in range(span.first, span.last + 1)] == list(range(pictures))
    assert all(len(span) == per_part for span in spans[:-1])
    assert [span.name for span in spans] == sorted(span.name for span in spans)


def test_a_picture_named_twice_is_one_and_the_order_of_naming_does_not_matter():
    files = [PictureFile(Path(path), Path(path)) for path in PATHS]
    near = PictureFile(Path("one.jpg"), Path("one.jpg"))
    assert sorted_paths([*reversed(files), *files]) == PATHS
    assert sorted_paths([near]) == [str(Path.cwd() / "one.jpg")]
    assert digest_of(["a", "bc"]) != digest_of(["ab", "c"])


def test_a_restart_finds_what_is_left_and_counts_what_is_done(tmp_path: Path):
    first, middle, last = spans_of(len(PATHS), 3)
    with open_archive(tmp_path / "seen", order()) as archive:
        assert archive.missing() == ([first, middle, last], Tally())
        assert archive.keep(middle, lines(3, unread=1)) == Tally(3, 1)
    (tmp_path / "seen" / f".{first.name}.partial").write_bytes(b"{")  # cut off while it was written
    (tmp_path / "seen" / ".ray-left").mkdir()
    with open_archive(tmp_path / "seen", order()) as archive:
        assert archive.missing() == ([first, last], Tally(3, 1))
        assert not (tmp_path / "seen" / ".ray-left").exists()
        archive.keep(first, lines(3))
        archive.keep(last, lines(1, unread=1))
        assert archive.missing() == ([], Tally(7, 2))
    assert sorted(path.name for path in (tmp_path / "seen").glob("*.jsonl*")) == [first.name, middle.name, last.name]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"pictures_sha256": digest_of([*PATHS[:-1], "/shop/other.jpg"])}, "pictures_sha256"),
        ({"per_part": 4}, "per_part 3, now 4"),
        ({"detector": "e" * 64}, "detector"),
        ({"score": 0.5}, "score None, now 0.5"),
        ({"formats": ("QRCode",)}, "formats"),
    ],
)
def test_another_order_never_mixes_with_one_that_was_begun(tmp_path: Path, changes: dict[str, Any], told: str):
    with open_archive(tmp_path, order()):
        pass
    with pytest.raises(EdgekitError, match=told), open_archive(tmp_path, order(**changes)):
        pass


def test_two_cannot_work_on_one_folder_and_a_folder_of_something_else_is_left_alone(tmp_path: Path):
    with (
        open_archive(tmp_path / "seen", order()),
        pytest.raises(EdgekitError, match="another edgekit predict"),
        open_archive(tmp_path / "seen", order()),
    ):
        pass
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").touch()
    with pytest.raises(EdgekitError, match="no archive"), open_archive(tmp_path / "photos", order()):
        pass
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["one.jpg"]
    (tmp_path / "file").touch()
    with pytest.raises(EdgekitError, match="cannot write"), open_archive(tmp_path / "file", order()):
        pass


@pytest.mark.parametrize(
    "content", [lines(2), lines(4), b"{\n" * 3, b"[]\n" * 3, b'{"schema": 1}\n' * 3, b"\xff\n" * 3]
)
def test_a_part_that_was_changed_is_told(tmp_path: Path, content: bytes):
    with open_archive(tmp_path, order()) as archive:
        (tmp_path / Span(0, 2).name).write_bytes(content)
        with pytest.raises(EdgekitError, match=r"part-000000000-000000002\.jsonl .* made anew"):
            archive.missing()


def test_lines_that_are_not_one_a_picture_are_never_kept_and_foreign_parts_are_told(tmp_path: Path):
    with open_archive(tmp_path, order()) as archive:
        with pytest.raises(EdgekitError, match="2 lines for the 3 pictures"):
            archive.keep(Span(0, 2), lines(2))
        assert len(archive.missing()[0]) == 3
        (tmp_path / Span(1, 3).name).write_bytes(lines(3))
        with pytest.raises(EdgekitError, match="no part of this order"):
            archive.missing()


def test_an_order_that_is_none_is_refused(tmp_path: Path):
    (tmp_path / "order.json").write_text('{"pictures": "many"}')
    with pytest.raises(EdgekitError, match="not what edgekit predict wrote"), open_archive(tmp_path, order()):
        pass


def test_a_worker_says_of_each_picture_one_line_whatever_it_is_called(
    make_bundle: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    bundle, cores = make_bundle(), sorted(os.sched_getaffinity(0))
    odd = os.fsdecode(b"caf\xe9.jpg")  # Latin-1, as on old disks
    Path(odd).write_bytes(b"\xff\xd8\xff")
    worker = SpanWorker(PredictorChoice((bundle.folder,), (bundle.public,), formats=()), cores)
    said = [json.loads(line) for line in worker.look([odd, "gone.png"]).splitlines()]
    assert [one["picture"] for one in said] == ["caf\ufffd.jpg", "gone.png"]
    assert all(one["schema"] == "edgekit.unread-picture/1" for one in said)


def test_ray_that_is_not_there_is_told_with_the_line_that_installs_it(
    make_bundle: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "ray", None)
    bundle = make_bundle()
    (tmp_path / "one.jpg").write_bytes(b"\xff\xd8\xff")
    words = ["predict", str(tmp_path / "one.jpg"), "--bundle", str(bundle.folder), "--trusted-key", str(bundle.public)]
    asked = CliRunner().invoke(build(["predict"]), [*words, "--engine", "ray"])
    assert "--save" in str(asked.exception)
    done = CliRunner().invoke(build(["predict"]), [*words, "--engine", "ray", "--save", str(tmp_path / "seen")])
    assert isinstance(done.exception, ModuleNotFoundError)
    assert "pip install 'edgekit[ray]'" in str(missing_extra(done.exception))
