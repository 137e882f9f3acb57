# Works with GNU make 3.81. Options: PYTHON=python3.12 (which Python), ARGS="..." (passed on to the command).

ARGS =
VENV = .venv/bin
SETUP = PYTHON="$(PYTHON)" sh scripts/setup

.PHONY: help demo test check coverage build-contracts test-contracts bench clean

help:
	@echo "make demo             five learners train one model through a smart contract, on this machine"
	@echo "make test             run the tests"
	@echo "make check            format, lint, types, import rules, docstrings"
	@echo "make coverage         run the tests, print the branch coverage"
	@echo "make build-contracts  compile contracts/ into the artefact that ships"
	@echo "make test-contracts   test, measure and prove the contract (Linux x86-64)"
	@echo "make bench            time, gas and RPC calls of a round"
	@echo "make clean            remove .venv and whatever else was made from the sources"
	@echo
	@echo 'Arguments are passed on: make demo ARGS="--learners 3 --rounds 6 --seed 1"'
	@echo "Another Python: make demo PYTHON=python3.12"

demo:
	@$(SETUP) demo
	@$(VENV)/colearn-chain demo $(ARGS)

test:
	@$(SETUP) dev
	@sh scripts/test $(ARGS)

check:
	@$(SETUP) dev
	@sh scripts/check

coverage:
	@$(SETUP) dev
	@sh scripts/coverage $(ARGS)

build-contracts:
	@$(SETUP) dev
	@$(VENV)/python scripts/build_contracts.py $(ARGS)

test-contracts:
	@$(SETUP) dev
	@sh scripts/test-contracts $(ARGS)

bench:
	@$(SETUP) demo
	@$(VENV)/python scripts/bench_round.py $(ARGS)

# What a run left behind (demo-run*, runs) is the user's and stays.
clean:
	rm -rf .venv .cache node_modules dist build out htmlcov .coverage* .hypothesis
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find agents backends colearn_chain scripts tests -name __pycache__ -type d -prune -exec rm -rf {} +
