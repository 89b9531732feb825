"""From detections to tag events: tracks, code reading, line crossing."""
