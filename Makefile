# make run              the window on the demo set; without a display the whole loop by command
# make run DATA=path    the same on a folder or a zip
# make test             linters, types, architecture, then all tests on a virtual screen
# make bench DATA=path  what benchmarks/README.md quotes, on the Kaggle pictures; BENCH="--only starts" for a part
#
# Both install what they need: Debian packages through apt (where allowed), Python packages into .venv.

DATA ?=
PYTHON ?= $(firstword $(foreach v,python3 python3.13 python3.12 python3.11,$(shell command -v $(v) >/dev/null 2>&1 && $(v) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' && echo $(v))))
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test lint bench clean system-run system-test

run: system-run $(VENV)/.run
	@if $(BIN)/python -c 'import sys; from annotator.app import can_show_windows; sys.exit(not can_show_windows())'; then \
		exec $(BIN)/annotator $(if $(DATA),"$(DATA)",--demo); \
	else \
		echo "There is no display: going the whole loop by command instead."; \
		exec $(BIN)/python -m annotator.loop $(if $(DATA),"$(DATA)"); \
	fi

test: system-test $(VENV)/.dev lint
	@QT_QPA_PLATFORM=xcb xvfb-run -a -s "-screen 0 1366x768x24" $(BIN)/python -m pytest

lint: $(VENV)/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

system-run:
	@./.ci/system-packages run

system-test:
	@./.ci/system-packages test

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed; none was found on PATH."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.run: pyproject.toml | system-run $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -e .
	@touch $@

$(VENV)/.dev: pyproject.toml | system-test $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	@touch $@ $(VENV)/.run

bench: system-test $(VENV)/.run
	@QT_QPA_PLATFORM=xcb xvfb-run -a -s "-screen 0 1366x768x24" $(BIN)/python -m benchmarks $(if $(DATA),--archive "$(DATA)") $(BENCH)

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
