"""Fakes that ship: learners, storage and faults, for tests of this project and of what is built on it."""
