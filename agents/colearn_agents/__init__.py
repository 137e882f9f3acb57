"""The learner agent and the command line: where the parts of ``colearn_chain`` are put together."""
