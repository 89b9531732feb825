"""This box's own figures: how many cameras, how fast, how late, measured through the whole runtime to a broker."""
