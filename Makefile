# Every command of the project. `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
SETUP := .venv/.set-up
PROMTOOL := $(if $(CI),promtool,$(shell command -v promtool))
# processes that share a suite, file by file; each has its own PostgreSQL and Kafka
TEST_PROCESSES ?= 3
RULES := $(addprefix tests/unit/,kernel assignment ledger appraisal)
PYTEST := $(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile
# byte code lies in one place and not beside the sources; the suites start hundreds of processes, which need it
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX := $(CURDIR)/.cache/python

.DEFAULT_GOAL := help
.PHONY: help setup run run-kafka kafka test unit integration end-to-end check alerts format bench bench-close bench-assignment bench-appraisal contracts dashboards lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 18

setup: $(SETUP) ## create .venv from requirements.lock

$(SETUP): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

run: setup ## everything on this machine: embedded PostgreSQL and log, the services, a sample
	$(BIN)/dualbook run

kafka: setup ## a real single-node Apache Kafka on localhost:9092, without Docker (needs java and mvn)
	$(BIN)/python -m deploy.kafka

run-kafka: setup ## like run, on the Kafka of `make kafka`
	DUALBOOK_KAFKA=localhost:9092 DUALBOOK_DATA=.dualbook-kafka $(BIN)/dualbook run

test: unit integration end-to-end ## every test: real PostgreSQL, real Kafka, real processes

unit: setup ## the tests without I/O; those of the rules must cover every branch of the rules
	$(BIN)/coverage erase --data-file=.coverage.rules
	$(BIN)/coverage run --data-file=.coverage.rules --source=shared/kernel,services --parallel-mode \
		-m pytest -n $(TEST_PROCESSES) --dist loadfile $(RULES)
	$(BIN)/coverage combine -q --data-file=.coverage.rules
	$(BIN)/coverage report --data-file=.coverage.rules --include='shared/kernel/*,services/*/domain/*' --fail-under=100
	$(PYTEST) $(filter-out $(RULES),$(wildcard tests/unit/*))

integration: setup ## the tests on real PostgreSQL and Kafka
	$(PYTEST) tests/integration

# in order of name: the files of a few long tests come first, and not when all others are done
end-to-end: setup ## the tests with the services as processes
	$(PYTEST) --no-loadscope-reorder tests/end_to_end

check: setup ## format, lint, types, import rules, contracts, dashboards, alerts, manifests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m deploy.local.contracts --check
	$(BIN)/python -m deploy.grafana --check
	$(if $(PROMTOOL),$(MAKE) --no-print-directory alerts,@echo "alerts: not checked, as there is no promtool here")
	$(BIN)/python -m deploy.image --check
	$(BIN)/python -m deploy.k8s

alerts: ## every alert fires when it must and not when it must not (needs promtool: Debian package prometheus)
	promtool check config deploy/prometheus/prometheus.yml
	promtool check rules deploy/prometheus/rules/*.yml
	promtool test rules deploy/prometheus/tests/*.yml

format: setup ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup ## events a second into both books, and the ratio to a bare COPY of the same rows
	$(BIN)/python -m tests.benchmarks.ingest

bench-close: setup ## seconds and memory of a month close, and of a late reassignment
	$(BIN)/python -m tests.benchmarks.close

bench-assignment: setup ## seconds and memory of allocating 200,000 customers, and of reading the result
	$(BIN)/python -m tests.benchmarks.assignment

bench-appraisal: setup ## seconds and memory of a cycle's steps for 2,000 managers, and of trying another scheme
	$(BIN)/python -m tests.benchmarks.appraisal

contracts: setup ## write deploy/contracts anew
	$(BIN)/python -m deploy.local.contracts
	$(BIN)/python -m deploy.local.reporting

dashboards: setup ## write deploy/grafana/dashboards anew
	$(BIN)/python -m deploy.grafana

lock: setup ## pin the newest versions in requirements.lock
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --extra development \
		--no-header --no-annotate pyproject.toml -o requirements.lock
	$(MAKE) --no-print-directory setup
	$(BIN)/python -m deploy.image

clean: ## remove what was built here; data folders stay
	rm -rf .venv .cache .coverage* *.egg-info
