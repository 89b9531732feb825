"""The box's own page, its metrics and its health, over HTTP; nothing of it runs unless box.toml has a [web] part."""
