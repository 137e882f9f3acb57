"""One party's agent: what it knows, what it decides and does, and what it must not forget."""
