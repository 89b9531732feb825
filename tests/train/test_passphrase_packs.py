"""A pack that was sealed by a passphrase opens with that one alone, and asks for no more memory than is accepted."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from devices.errors import EdgekitError
from edge.passphrases import MAGIC, Passphrase, load_passphrase
from edge.sealing import create_sealing_key, load_opener
from train.data_cli import app
from train.packs import pack_set, unpack_set

RIGHT, WRONG = Passphrase(b"correct horse battery"), Passphrase(b"correct horse batterz")


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packed")
    (folder / "set").mkdir()
    (folder / "set" / "a.txt").write_bytes(b"the content " * 20_000)
    pack_set(folder / "set", folder / "pack", RIGHT)
    return folder / "pack"


def test_the_passphrase_opens_the_pack_and_nothing_in_it_is_readable(packed: Path, tmp_path: Path):
    assert b"the content" not in packed.read_bytes()
    unpack_set(packed, tmp_path / "out", RIGHT)
    assert (tmp_path / "out" / "a.txt").read_bytes() == b"the content " * 20_000


def test_another_passphrase_a_key_or_nothing_opens_nothing(packed: Path, tmp_path: Path):
    create_sealing_key(tmp_path / "key", tmp_path / "pub")
    for opener, said in (
        (WRONG, "for another key, or was changed"),
        (load_opener(tmp_path / "key"), "sealed by a passphrase, not a key"),
        (None, "--passphrase-file"),
    ):
        with pytest.raises(EdgekitError, match=said):
            unpack_set(packed, tmp_path / "out", opener)
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("place", [len(MAGIC) + 1, len(MAGIC) + 16, len(MAGIC) + 60, -1])
def test_a_changed_byte_opens_nothing(packed: Path, tmp_path: Path, place: int):
    content = bytearray(packed.read_bytes())
    content[place] ^= 1
    (tmp_path / "changed").write_bytes(content)
    with pytest.raises(EdgekitError):
        unpack_set(tmp_path / "changed", tmp_path / "out", RIGHT)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("cost", [0, 13, 21, 255])
def test_a_cost_that_would_take_all_memory_or_none_is_refused(packed: Path, tmp_path: Path, cost: int):
    content = bytearray(packed.read_bytes())
    content[len(MAGIC)] = cost
    (tmp_path / "changed").write_bytes(content)
    with pytest.raises(EdgekitError, match="14 to 20 are accepted"):
        unpack_set(tmp_path / "changed", tmp_path / "out", RIGHT)


def test_a_head_that_was_cut_off_is_no_pack(packed: Path, tmp_path: Path):
    (tmp_path / "short").write_bytes(packed.read_bytes()[: len(MAGIC) + 5])
    with pytest.raises(EdgekitError, match="no stream that a passphrase opens"):
        unpack_set(tmp_path / "short", tmp_path / "out", RIGHT)


def test_two_packs_of_the_same_set_have_nothing_in_common_but_their_kind(packed: Path, tmp_path: Path):
    pack_set(packed.parent / "set", tmp_path / "again", RIGHT)
    first, second = packed.read_bytes(), (tmp_path / "again").read_bytes()
    assert first[: len(MAGIC) + 1] == second[: len(MAGIC) + 1]
    assert first[len(MAGIC) + 1 : len(MAGIC) + 17] != second[len(MAGIC) + 1 : len(MAGIC) + 17]
    assert first[-64:] != second[-64:]


def test_a_short_passphrase_is_refused_and_a_line_end_is_not_part_of_it(tmp_path: Path):
    (tmp_path / "short").write_text("secret\n", encoding="utf-8")
    with pytest.raises(EdgekitError, match="choose a longer one"):
        load_passphrase(tmp_path / "short")
    (tmp_path / "long").write_bytes(RIGHT.secret + b"\r\n")
    assert load_passphrase(tmp_path / "long") == RIGHT
    assert "horse" not in repr(RIGHT)


def test_the_commands_pack_and_unpack_by_a_passphrase(packed: Path, tmp_path: Path):
    (tmp_path / "phrase").write_bytes(RIGHT.secret)
    by = ["--passphrase-file", str(tmp_path / "phrase")]
    for words in (
        ["pack", str(packed.parent / "set"), str(tmp_path / "pack"), *by],
        ["unpack", str(tmp_path / "pack"), str(tmp_path / "out"), *by],
    ):
        ran = CliRunner().invoke(app, words)
        assert ran.exit_code == 0, ran.output
    assert (tmp_path / "out" / "a.txt").is_file()
