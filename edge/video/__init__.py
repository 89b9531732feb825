"""From a camera, a file or a folder to frames."""
