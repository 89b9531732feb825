"""box.toml changed by a program: comments stay, the previous is kept, and a bad change changes nothing."""

import contextlib
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from devices.errors import EdgekitError
from edge.config import BoxConfig
from edge.config_file import ConfigChangedError, ConfigFile, Drawing
from edge.section import Polygon
from edge.zones import Line, Shelf

EXAMPLE = Path(__file__).parents[2] / "systemd" / "box.toml.example"
HEAD = '[box]\nsite = "a"\nname = "b"\n[bundle]\npath = "x"\n[outbox]\npath = "o" # why\n'
SOURCE = 'source = { kind = "folder", path = "p" }\n'
LINE = Line(name="l", start=(0.1, 0.0), end=(1.0, 1.0))
SHELF = Shelf.model_validate({"name": "s", "rectangle": (0.1, 0.1, 0.4, 0.4), "expected": ("pen",), "min": 2})
MASK = ((0.0, 0.0), (0.5, 0.0), (0.5, 0.5))


@pytest.fixture
def file(tmp_path: Path) -> ConfigFile:
    path = tmp_path / "box.toml"
    path.write_text(EXAMPLE.read_text())
    path.chmod(0o640)
    return ConfigFile(path)


def drawn(file: ConfigFile, camera: str = "belt") -> Drawing:
    config, _ = file.read()
    return Drawing.of(next(each for each in config.cameras if each.name == camera))


def test_the_example_keeps_every_comment_its_rights_and_its_previous(file: ConfigFile):
    before = file.path.read_text()
    config, revision = file.read()
    wanted = Drawing((config.cameras[0].lines[0], LINE), (SHELF,), (MASK,))
    new = file.redraw("belt", wanted, revision)
    text = file.path.read_text()
    assert [line for line in before.splitlines() if line not in text.splitlines()] == []
    assert file.previous.read_text() == before
    assert file.path.stat().st_mode & 0o777 == 0o640
    assert file.read()[1] == new != revision
    assert drawn(file) == wanted
    assert sorted(path.name for path in file.path.parent.iterdir()) == ["box.toml", "box.toml.previous"]


def test_what_is_saved_as_it_was_leaves_the_file_as_it_was(file: ConfigFile):
    before = file.path.read_bytes()
    file.redraw("belt", drawn(file), file.read()[1])
    assert file.path.read_bytes() == before


def test_everything_can_be_erased_and_drawn_again(file: ConfigFile):
    file.redraw("belt", Drawing((), (), ()), file.read()[1])
    assert drawn(file) == Drawing((), (), ())
    file.redraw("belt", Drawing((LINE,), (SHELF,), (MASK,)), file.read()[1])
    assert drawn(file) == Drawing((LINE,), (SHELF,), (MASK,))


@pytest.mark.parametrize(
    "cameras",
    [
        f'[[camera]]\nname = "c"\n{SOURCE}line = [{{ name = "l", start = [0, 0], end = [1, 1] }}]\n',
        f'[[camera]]\nname = "c" # first\n{SOURCE}[[camera.line]]\n# kept\nname = "l"\nstart = [0, 0]\nend = [1, 1]\n',
        f'[[camera]]\nname = "c"\n{SOURCE}[[camera]]\nname = "d"\n{SOURCE}',
    ],
)
def test_every_way_of_writing_cameras_can_be_drawn_on(tmp_path: Path, cameras: str):
    path = tmp_path / "box.toml"
    path.write_text(HEAD + cameras)
    file = ConfigFile(path)
    others = file.read()[0].cameras[1:]
    wanted = Drawing((LINE,), (SHELF,), (MASK,))
    file.redraw("c", wanted, file.read()[1])
    assert drawn(file, "c") == wanted
    assert file.read()[0].cameras[1:] == others
    assert "# why" in path.read_text()
    assert ("# kept" in cameras) == ("# kept" in path.read_text())


def test_cameras_in_one_inline_list_are_drawn_on_too(tmp_path: Path):
    path = tmp_path / "box.toml"
    path.write_text('camera = [{ name = "c", source = { kind = "folder", path = "p" } }]\n' + HEAD)
    file = ConfigFile(path)
    file.redraw("c", Drawing((LINE,), (), ()), file.read()[1])
    assert drawn(file, "c").lines == (LINE,)


def test_a_file_that_was_changed_meanwhile_is_not_overwritten(file: ConfigFile):
    _, revision = file.read()
    file.path.write_text(file.path.read_text() + "# by hand\n")
    with pytest.raises(ConfigChangedError, match="load the drawing anew"):
        file.redraw("belt", Drawing((), (), ()), revision)
    assert file.path.read_text().endswith("# by hand\n")


def test_a_change_that_the_box_could_not_run_or_the_disk_refuses_changes_nothing(
    file: ConfigFile, monkeypatch: pytest.MonkeyPatch
):
    def refuse(_config: BoxConfig) -> None:
        raise EdgekitError("no such class")

    before = file.path.read_bytes()
    with pytest.raises(EdgekitError, match="no such class"):
        ConfigFile(file.path, refuse).redraw("belt", Drawing((), (), ()), file.read()[1])
    with pytest.raises(EdgekitError, match="same name"):
        file.redraw("belt", Drawing((LINE, LINE), (), ()), file.read()[1])
    with pytest.raises(EdgekitError, match="no camera 'door'"):
        file.redraw("door", Drawing((), (), ()), file.read()[1])

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EdgekitError, match="nothing was changed"):
        file.redraw("belt", Drawing((), (), ()), file.read()[1])
    assert file.path.read_bytes() == before
    assert list(file.path.parent.iterdir()) == [file.path]


def test_a_link_is_followed_and_stays_a_link(file: ConfigFile, tmp_path: Path):
    (tmp_path / "etc").mkdir()
    link = tmp_path / "etc" / "box.toml"
    link.symlink_to(file.path)
    linked = ConfigFile(link)
    linked.redraw("belt", Drawing((), (), ()), linked.read()[1])
    assert link.is_symlink()
    assert drawn(file) == Drawing((), (), ())


share = st.integers(0, 10_000).map(lambda value: value / 10_000)
point = st.tuples(share, share)
lines = st.lists(
    st.tuples(st.sampled_from("abc"), point, point).filter(lambda line: line[1] != line[2]),
    max_size=3,
    unique_by=lambda line: line[0],
)


def is_area(corners: list[tuple[float, float]]) -> bool:
    try:
        TypeAdapter(Polygon).validate_python(corners)
    except ValidationError:  # its sides cross
        return False
    return True


masks = st.lists(st.lists(point, min_size=3, max_size=5).filter(is_area), max_size=2)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(lines, masks), max_size=4))
def test_after_any_row_of_drawings_the_file_says_the_last_one(file: ConfigFile, steps: list[tuple[Any, Any]]):
    file.path.write_text(EXAMPLE.read_text())
    for some_lines, some_masks in steps:
        wanted = Drawing(
            tuple(Line(name=name, start=start, end=end) for name, start, end in some_lines),
            (),
            tuple(tuple(mask) for mask in some_masks),
        )
        file.redraw("belt", wanted, file.read()[1])
        assert drawn(file) == wanted


def test_of_many_who_save_at_once_one_is_heard_and_the_others_are_told(file: ConfigFile):
    revision = file.read()[1]
    masks = [((0.0, 0.0), (0.1 + share / 100, 0.0), (0.1, 0.1)) for share in range(8)]
    heard: list[Polygon] = []

    def save(mask: Polygon) -> None:
        with contextlib.suppress(ConfigChangedError):
            file.redraw("belt", Drawing((), (), (mask,)), revision)
            heard.append(mask)

    threads = [threading.Thread(target=save, args=(mask,)) for mask in masks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [drawn(file).masks] == [(mask,) for mask in heard]


SAVING = """
import sys
from pathlib import Path
from edge.config_file import ConfigFile, Drawing
file = ConfigFile(Path(sys.argv[1]))
for number in range(1, 10_000):
    file.redraw("belt", Drawing((), (), (((0.0, 0.0), (number / 10_000, 0.0), (0.5, 0.5)),)), file.read()[1])
    print(number, flush=True)
"""


def test_who_is_killed_while_saving_leaves_the_drawing_before_or_after_and_the_previous(file: ConfigFile):
    for seed in range(4):
        command = [sys.executable, "-c", SAVING, str(file.path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(3):  # it is in the middle of saving
                process.stdout.readline()
            time.sleep(random.Random(seed).uniform(0.0, 0.1))
            process.kill()
            said = 3 + len(process.stdout.read().split())
        ((_, corner, _),) = drawn(file).masks
        assert corner[0] in (said / 10_000, (said + 1) / 10_000)
        ((_, corner, _),) = drawn(ConfigFile(file.previous)).masks
        assert corner[0] in {number / 10_000 for number in (said - 1, said, said + 1)}
