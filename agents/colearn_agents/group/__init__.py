"""All parties of an experiment in one process: what ``demo`` and ``simulate`` run and compare."""
