"""Whether what cameras show, and what the model makes of it, is still what it was when both were known to be well."""
