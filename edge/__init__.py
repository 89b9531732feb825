"""What runs on a box: camera frames to detected tags over MQTT, without any training framework."""

__version__ = "0.1.0"
