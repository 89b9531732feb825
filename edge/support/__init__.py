"""What a box hands to whoever helps with it."""
