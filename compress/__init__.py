"""From a trained model to a smaller one, with a measured report of what it cost."""
