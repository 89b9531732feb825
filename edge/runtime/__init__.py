"""The runtime: cameras, inference and publishing put together and kept alive."""
