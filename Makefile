# Each target sets up what it needs. Nothing but package installation uses the network.

VENV := .venv
PYTHON := $(VENV)/bin/python
RUN := runs/digits
INSTALL := $(PYTHON) -m pip install --quiet --no-compile --constraint constraints.txt

.PHONY: digits test tests lint style fuzz night bench docs clean

digits: $(VENV)/.plain
	rm -rf $(RUN)
	$(PYTHON) -m pellucid look digits --measure-steps 0 --out $(RUN)-pictures
	$(PYTHON) -m pellucid train digits --out $(RUN)
	$(PYTHON) -m pellucid evaluate $(RUN) --at-least accuracy=0.98
	$(PYTHON) -m pellucid walk $(RUN) valid:0 --out $(RUN)-pictures/walk.png

test: $(VENV)/.dev
	$(MAKE) --jobs 2 tests style

tests: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(PYTHON) -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

lint: style
	$(PYTHON) -m pytest tests/test_floors.py

style: $(VENV)/.dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

fuzz: $(VENV)/.dev
	PELLUCID_FUZZ=10000 $(PYTHON) -m pytest tests -k "fuzz or mutated or flipped or damage" --timeout 3600

night: $(VENV)/.dev $(VENV)/.docs
	PELLUCID_NIGHT=1 PELLUCID_KILLS=200 PELLUCID_SIGNALS=50 PELLUCID_FUZZ=2000 $(PYTHON) -m pytest -m "slow or not slow" --timeout 7200

bench: $(VENV)/.plain benchmarks/.venv/.ready
	$(PYTHON) benchmarks/speed.py
	$(PYTHON) benchmarks/checks.py
	$(PYTHON) benchmarks/accuracy.py
	$(PYTHON) benchmarks/table.py

docs: $(VENV)/.docs
	$(PYTHON) -m sphinx -W --keep-going -b html docs docs/_build/html

clean:
	rm -rf $(VENV) benchmarks/.venv docs/_build

$(VENV)/bin/python:
	python3 -m venv $(VENV)
	$(INSTALL) --upgrade pip  # Python 3.11 brings one that needs twice the time to choose among many wheels

$(VENV)/.plain: $(VENV)/bin/python pyproject.toml constraints.txt
	$(INSTALL) --editable '.[export]'
	touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml constraints.txt
	$(INSTALL) --editable '.[dev]'
	touch $@ $(VENV)/.plain

$(VENV)/.docs: $(VENV)/.dev
	$(INSTALL) --editable '.[docs]'
	touch $@

benchmarks/.venv/.ready: benchmarks/requirements.txt
	python3 -m venv benchmarks/.venv
	benchmarks/.venv/bin/pip install --quiet --requirement benchmarks/requirements.txt
	touch $@
