"""Rendered conveyor scenes: cartons with real printed codes, whose every truth is known because we placed it."""
