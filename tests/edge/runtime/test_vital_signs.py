"""Vital signs as root reads them, of a file that the service's own user may put anything in the place of."""

import os
import time
from pathlib import Path

from edge.runtime.vital_signs import NAME, VitalSigns, read_signs


def told() -> bytes:
    signs = VitalSigns(run_id="r", software=Path("/opt"), told_s=time.monotonic(), connected=True, cameras={})
    return signs.model_dump_json(by_alias=True).encode()


def test_what_is_no_plain_file_of_bounded_size_says_nothing_and_holds_nobody_up(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_bytes(told())
    assert read_signs(path) is not None
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert read_signs(path) is None
    path.unlink()
    path.write_bytes(told() + b" " * (1 << 20))
    assert read_signs(path) is None, "it is larger than what any box says"
    path.unlink()
    os.mkfifo(path)
    assert read_signs(path) is None  # nobody writes: who waits for a writer waits for ever
    writer = os.open(path, os.O_RDWR)
    try:
        assert read_signs(path) is None
    finally:
        os.close(writer)
