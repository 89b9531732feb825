"""Bundles, inference engines, and what lies between a picture and its detections."""
