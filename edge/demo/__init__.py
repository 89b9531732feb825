"""The demonstration: a rendered conveyor clip, its ground truth and a small bundled model."""
