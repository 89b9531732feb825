"""The doctor of a detection set: what in it would spoil a training or a measurement, one file a kind of finding."""
