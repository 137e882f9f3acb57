"""Files that people write, and the secrets that they refer to."""
