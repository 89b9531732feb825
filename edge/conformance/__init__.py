"""A scripted box against which the author of a consumer tests it: duplicates, gaps, history, losses, restarts."""
