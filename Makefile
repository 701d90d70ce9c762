# `make help` lists the targets. Each one sets up what it needs first; scripts/setup.sh skips what is there.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:

# Variables given on the command line (`make run TARGET_URL=…`) reach the server as environment variables: make exports
# them by itself. The configuration table of the README has all of them.

.PHONY: help run test e2e size check lint deny bench bounds exports traces dist packaging interop endurance fuzz soak setup clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  for example: make run TARGET_URL=http://localhost:3000 DB_NAME=shop"

run: ## build and serve on http://localhost:8000/ (TARGET_URL=the real API, DB_NAME=the project's file)
	@scripts/setup.sh run
	@exec scripts/run.sh

test: ## every test: Rust, front end, plugins, end to end in Chromium
	@scripts/setup.sh test
	@scripts/test.sh all

e2e: ## the end-to-end tests in Chromium only
	@scripts/setup.sh test
	@scripts/test.sh e2e

size: ## build the page for release and hold what a browser loads against its budget
	@scripts/setup.sh test
	@scripts/size.sh

check: ## the daily loop: formatting, clippy, documentation, fast tests
	@scripts/setup.sh check
	@scripts/lint.sh
	@scripts/test.sh fast

lint: ## formatting, clippy and documentation, warnings as errors
	@scripts/setup.sh check
	@scripts/lint.sh

deny: ## licences, bans, sources and lowest versions of what is built in (part of lint)
	@scripts/setup.sh check
	@. scripts/env.sh && "$$TOOLS/deny/bin/cargo-deny" --locked check licenses bans sources

bench: ## measure the release build beside nginx and other mocks, and with the benchmarks in ../shared
	@scripts/setup.sh run
	@scripts/setup.sh bench
	@scripts/bench.sh

bounds: ## learning under floods of a million paths and keys, and merging in ten thousand random cases (some minutes)
	BOUNDS=full cargo test --release --package understudy-contract --test bounds -- --nocapture --test-threads 1
	PROPTEST_CASES=10000 cargo test --release --package understudy-contract --test merging

exports: ## have the OpenAPI that is learned of learnbench's documents judged by two linters
	@scripts/setup.sh exports
	@scripts/exports.sh

traces: ## the build that sends traces (feature otlp): clippy and its tests
	@scripts/setup.sh check
	@cargo clippy --locked --workspace --exclude understudy-frontend --features understudy-server/otlp --all-targets -- -D warnings
	@cargo test --locked --workspace --exclude understudy-frontend --features understudy-server/otlp --test traces

dist: ## one archive with everything that runs: target/dist/understudy.tar.gz
	@scripts/setup.sh run
	@scripts/dist.sh

packaging: ## judge the Dockerfile, the unit and the examples
	@scripts/setup.sh packaging
	@scripts/packaging.sh

interop: ## give what is exported to WireMock, Mockoon, MSW, Prism, Schemathesis and others, import a browser's recording
	@scripts/setup.sh check
	@scripts/setup.sh interop
	@scripts/interop.sh

endurance: ## a gibibyte each way, events, and a thousand slow clients, against the release build
	@scripts/setup.sh run
	@scripts/setup.sh bench
	@cargo build --locked --release --package understudy-server
	@python3 bench/endurance.py

fuzz: ## every fuzz target for FUZZ_SECONDS (an hour unless said otherwise), two at a time
	@scripts/setup.sh check
	@scripts/fuzz.sh

soak: ## the long tests of resilience, and SOAK_MINUTES (60) at 1,000 requests/s with an upstream that fails at random
	@scripts/setup.sh run
	@scripts/soak.sh

setup: ## only set up what `run` and `test` need
	@scripts/setup.sh run
	@scripts/setup.sh test

clean: ## remove what was built; data, and the tools in the cache folder, stay
	rm -rf target end2end/node_modules end2end/test-results end2end/playwright-report end2end/screenshots
