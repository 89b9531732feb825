"""Keeps ultralytics offline and out of the home folder; to be imported before it, since it looks as it is imported."""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("YOLO_OFFLINE", "True")
os.environ.setdefault("YOLO_AUTOINSTALL", "False")
os.environ.setdefault("YOLO_VERBOSE", "False")  # it talks on stdout, where a program reads a training's epochs
os.environ["ULTRALYTICS_SAFE_LOAD"] = "True"  # a checkpoint is a pickle: nothing in it may run but known model classes
if "YOLO_CONFIG_DIR" not in os.environ:
    _config_folder = tempfile.TemporaryDirectory(prefix="edgekit-ultralytics-")  # goes with the process
    os.environ["YOLO_CONFIG_DIR"] = _config_folder.name
Path(os.environ["YOLO_CONFIG_DIR"]).mkdir(parents=True, exist_ok=True)
for _cache in ("MPLCONFIGDIR", "TORCHINDUCTOR_CACHE_DIR"):  # of what ultralytics imports, for the same reason
    os.environ.setdefault(_cache, os.environ["YOLO_CONFIG_DIR"])
