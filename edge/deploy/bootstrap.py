"""Starts the installer on a box that has python3 and nothing else; carried as install.py, standard library alone.

    python3 install.py            as root, in the folder of the payload

The kit's wheel and the few that its installer needs are unpacked into a folder of root's alone and run from there; what
one that was cut off left of that is removed by the next.
Says in plain words what is wrong with a box whose Python is too old even for this.
"""

import fcntl
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile

NEEDED = ("edgekit", "pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection", "tomli")
LEAST_PYTHON = (3, 10)
ROOMS, NAME = "/var/tmp", "edgekit-install-"  # noqa: S108 - /tmp may be a small one in memory
NEW_S = 60.0


def main() -> int:
    """Unpack, run, clean up; returns the installer's exit code."""
    payload = os.path.dirname(os.path.abspath(__file__))
    python = "{}.{}".format(*sys.version_info)
    if sys.version_info < LEAST_PYTHON:
        return _refuse("this box has Python " + python + ", and edgekit needs 3.10: take a newer system")
    wheels = os.path.join(payload, "wheels")
    chosen = sorted(name for name in os.listdir(wheels) if name.split("-")[0].lower() in NEEDED)
    native = "".join(name for name in chosen if name.startswith("pydantic_core-"))
    if "-cp" + python.replace(".", "") + "-" not in native or platform.machine() not in native:
        told = "this payload ({}) is not for this box, which is {} with Python {}: build one for it"
        return _refuse(told.format(native, platform.machine(), python))
    _remove_left()
    room = tempfile.mkdtemp(prefix=NAME, dir=ROOMS)
    held = os.open(room, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)  # until this process and the installer have both ended
    try:
        for name in chosen:
            with zipfile.ZipFile(os.path.join(wheels, name)) as wheel:
                wheel.extractall(room)
        started = (
            "import sys; sys.path.insert(0, sys.argv.pop(1)); from edge.deploy.install import main; sys.exit(main())"
        )
        command = [sys.executable, "-I", "-B", "-c", started, room, payload, *sys.argv[1:]]
        return subprocess.run(command, check=False, pass_fds=[held]).returncode
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _remove_left() -> None:
    """Remove the folders of installers that were cut off: old enough to be held by now, and held by none."""
    for name in os.listdir(ROOMS):
        if not name.startswith(NAME):
            continue
        room = os.path.join(ROOMS, name)
        try:
            folder = os.open(room, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue  # another's, or gone
        try:
            told = os.fstat(folder)
            if told.st_uid == os.geteuid() and time.time() - told.st_mtime > NEW_S:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(room, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(folder)


def _refuse(why: str) -> int:
    print(f"error: {why}", file=sys.stderr)  # noqa: T201 - a program's voice
    return 1


if __name__ == "__main__":
    sys.exit(main())
