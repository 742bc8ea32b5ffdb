# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-faults guarantees check format pictures docs bench calibrate clean

demo: .venv/demo.stamp
	$(BIN)/toposcope demo --out demo

# Kernels are compiled once, while types are checked, before two processes share the files of tests.
test: .venv/dev.stamp
	$(MAKE) -j 2 check kernels
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile

kernels: .venv/dev.stamp
	$(BIN)/python -c 'from toposcope.homology import warm_up; warm_up()'

# Every harm to every file and minutes of fuzzing; half an hour on two cores.
test-faults: .venv/dev.stamp
	TOPOSCOPE_FAULTS=1 $(BIN)/pytest tests/faults

# The table of promises from the tests behind them; with TOPOSCOPE_FAULTS=1 the long ones too.
guarantees: .venv/dev.stamp
	$(BIN)/python docs/guarantees.py

check: .venv/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/dev.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Outputs of the tutorials and figures of the gallery, from the code that stands beside them.
pictures: .venv/dev.stamp
	$(BIN)/python docs/run_pages.py

# The site in site/, its API from the docstrings; a link that leads nowhere fails it.
docs: .venv/demo.stamp
	$(BIN)/pip install -q -c constraints.txt -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: .venv/dev.stamp
	$(BIN)/pip install -q -c constraints.txt -e '.[bench]'
	$(BIN)/python -m benchmarks.run

calibrate: .venv/dev.stamp
	$(BIN)/python -m benchmarks.calibration
	$(BIN)/python -m benchmarks.interval_ranks

$(BIN)/pip:
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "toposcope needs Python 3.11 or newer"'
	$(PYTHON) -m venv --clear .venv || \
		{ echo "venv is missing; on Debian and Ubuntu: apt-get install -y python3-venv"; exit 1; }

.venv/demo.stamp: pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/pip install -q -c constraints.txt -e '.[torch]'
	touch $@

# In one go: [dev] brings [torch].
.venv/dev.stamp: pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/pip install -q -c constraints.txt -e '.[dev]'
	touch .venv/demo.stamp $@

clean:
	rm -rf .venv demo build site src/*.egg-info
