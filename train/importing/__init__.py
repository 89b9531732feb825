"""Sets that other tools have written, brought into the kit's form."""
