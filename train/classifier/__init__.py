"""Classifiers: tagged pictures to a small network that says what a picture shows, alone or taught by a larger one."""
