"""Nothing phones home, and nothing is left in the home folder of whoever runs a box."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

RUN_BOTH_ENGINES = """
import sys
from pathlib import Path
import numpy as np
from edge.model.bundle import open_bundle
from edge.model.detector import load_detector
bundle = open_bundle(Path(sys.argv[1]), [Path(sys.argv[2])])
for backend in ("openvino", "onnxruntime"):
    assert len(load_detector(bundle, backend=backend).detect(np.full((64, 64, 3), 255, np.uint8))) == 1
"""


def test_both_engines_leave_nothing_in_the_home_folder(make_bundle: Callable[..., Any], tmp_path: Path):
    made = make_bundle()
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    home.mkdir()
    temporary.mkdir()
    # Without the variable of a shell that has opted out already: the kit itself has to do it.
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("ORT_", "XDG_", "CI"))}
    environment |= {"HOME": str(home), "TMPDIR": str(temporary)}
    arguments = [sys.executable, "-c", RUN_BOTH_ENGINES, str(made.folder), str(made.public)]
    subprocess.run(arguments, check=True, env=environment, timeout=60)
    assert list(home.rglob("*")) == []
    assert list(temporary.rglob("*")) == []
