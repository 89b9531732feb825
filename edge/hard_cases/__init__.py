"""What a box was not sure of, kept for the next training: chosen, sealed to a workstation's key, bounded on disk."""
