# make run    open the console on the sample logs
# make test   format check, lint, types, import contracts, tests
# Both need python3 (3.11 or newer) and make alone; each makes its own virtual environment and
# installs the locked versions, checked by their hashes.

PYTHON ?= python3
RUN := .venv
TEST := .venv-test
SAMPLES ?= samples/logs
PYTEST_ARGS ?=

.PHONY: run test format lock snapshots clean

run: $(RUN)/installed
	@$(RUN)/bin/triage watch $(SAMPLES)

test: $(TEST)/installed
	@echo "── format"   && $(TEST)/bin/ruff format --check .
	@echo "── lint"     && $(TEST)/bin/ruff check .
	@echo "── types"    && $(TEST)/bin/mypy
	@echo "── imports"  && $(TEST)/bin/lint-imports
	@echo "── tests"    && $(TEST)/bin/pytest $(PYTEST_ARGS)

format: $(TEST)/installed
	@$(TEST)/bin/ruff check --fix . ; $(TEST)/bin/ruff format .

snapshots: $(TEST)/installed
	@$(TEST)/bin/pytest tests/ui --snapshot-update

# Lock anew after a change of pyproject.toml; needs `uv` on the path.
COMPILE := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --custom-compile-command "make lock" --quiet --upgrade
lock:
	$(COMPILE) --extra build -o requirements/run.txt
	$(COMPILE) --extra build --extra dev -c requirements/run.txt -o requirements/test.txt

clean:
	rm -rf $(RUN) $(TEST) .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(RUN)/installed: requirements/run.txt pyproject.toml
	@sh scripts/install.sh $(PYTHON) $(RUN) requirements/run.txt

$(TEST)/installed: requirements/test.txt pyproject.toml
	@sh scripts/install.sh $(PYTHON) $(TEST) requirements/test.txt
