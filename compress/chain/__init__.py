"""From a trained detector to the smallest bundle that keeps a budget: pruned, taught, quantised, each step proven."""
