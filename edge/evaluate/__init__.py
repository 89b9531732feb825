"""Accuracy of exported model files, measured through the code that runs on the box."""
