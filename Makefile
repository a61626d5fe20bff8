# The Python versions are the py3.* folders. PYTHON=python3.12 make check runs under another one.
PYTHON ?= python3
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
VENV := .venv/$(VERSION)
PINS := py$(VERSION)/requirements.txt

# What predict.py and the sample models import; the images hold all that a model may.
PREDICT_PACKAGES := pandas pyarrow numerapi requests tqdm cloudpickle lightgbm scikit-learn
CHECK_PACKAGES := ruff==0.17.6 mypy==2.4.1

.DEFAULT_GOAL := help
.PHONY: help demo check lint format bench

help: ## list the targets
	@sed -nE 's/^([a-z_]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

demo: $(VENV)/predict.done ## run the sample model on the sample data and show the summary
	mkdir -p build/demo
	$(VENV)/predict/bin/python predict.py --debug \
	  --model tests/models/model_$(subst .,_,$(VERSION)).pkl \
	  --dataset tests/data/live.parquet --benchmarks tests/data/live_benchmark_models.parquet \
	  --output_dir build/demo --report build/demo/report.json

check: lint ## lint, check types and run the unit tests
	$(VENV)/check/bin/python -m unittest discover --start-directory tests --top-level-directory .

lint: $(VENV)/check.done ## ruff and mypy; changes no file
	$(VENV)/check/bin/ruff check .
	$(VENV)/check/bin/ruff format --check .
	$(VENV)/check/bin/mypy

format: $(VENV)/check.done ## format the code
	$(VENV)/check/bin/ruff check --fix .
	$(VENV)/check/bin/ruff format .

bench: $(VENV)/predict.done ## what predict.py costs beside the bare minimum
	$(VENV)/predict/bin/python tests/bench.py

$(VENV)/predict.done: Makefile $(PINS)
	$(PYTHON) -m venv --clear $(VENV)/predict
	$(VENV)/predict/bin/pip install --quiet --constraint $(PINS) $(PREDICT_PACKAGES)
	touch $@

# numerai-tools requires torch, of which the tests need nothing.
$(VENV)/check.done: Makefile $(PINS)
	$(PYTHON) -m venv --clear $(VENV)/check
	$(VENV)/check/bin/pip install --quiet --constraint $(PINS) $(PREDICT_PACKAGES) $(CHECK_PACKAGES)
	$(VENV)/check/bin/pip install --quiet --constraint $(PINS) --no-deps numerai-tools
	touch $@

$(PINS):
	@echo "There is no py$(VERSION) folder; give PYTHON=$(firstword $(patsubst py%,python%,$(wildcard py3.*)))." >&2
	@false
