"""Releases on a box: staged, tried, kept or taken back, so that no update can leave it without one that works."""
