"""Detectors and segmenters of other makers, trained on the same sets: to compare with, and to teach."""
