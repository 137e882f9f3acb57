"""Experiments among strangers: set up, opened, joined, run by their organizer, and the model taken home."""
