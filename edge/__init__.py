"""What runs on a box: camera frames to detected tags over MQTT, without any training framework."""

import os
import sys

__version__ = "0.1.0"

# Both engines report to their makers and leave an identifier in the home folder unless this stands before their first
# import, wherever that is: ONNX Runtime from 1.29 on asks the variable, OpenVINO takes a stub where its reporter cannot
# be imported. A box tells nobody anything but its broker.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
if "openvino_telemetry" not in sys.modules:
    sys.modules["openvino_telemetry"] = None  # pyright: ignore[reportArgumentType] - the documented way to forbid one
