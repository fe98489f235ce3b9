# Development commands; `make help` lists them.
SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help demo run test check lint audit clients advisories pin fuzz slower kept bench torture dist setup

help: ## List these commands
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: ## Start the service on 127.0.0.1:8080 with a demo company
	@$(if $(DATABASE_URL),,scripts/setup.sh demo)
	cargo run --locked --profile demo -- demo

run: ## Start the service on 127.0.0.1:8080; its data is kept between runs
	@$(if $(DATABASE_URL),,scripts/setup.sh release)
	cargo run --locked --release -- serve

# No comment contains a tested example, so that rustdoc need not look for them in each crate.
TESTS := --locked --workspace --exclude schema --lib --bins --tests

test: setup ## Run all tests on a temporary PostgreSQL
	cargo test $(TESTS)

check: lint audit ## Format, clippy, rustdoc, licences, advisories, unused dependencies, OpenAPI lint

# Compiles everything, with the lints of clippy and rustdoc in the same pass. Cargo repeats the warnings
# of what was compiled before.
lint: setup
	@cargo fmt --version && cargo clippy --version || rustup component add rustfmt clippy
	cargo fmt --all --check
	mkdir -p target
	set -o pipefail; CARGO_TERM_COLOR=never RUSTC_WORKSPACE_WRAPPER=$(CURDIR)/scripts/rustc.sh \
		cargo test $(TESTS) --no-run 2>&1 | tee target/lint.log && ! grep -q '^warning' target/lint.log

audit: advisories
	scripts/cargo-tool.sh deny check bans licenses sources
	scripts/pin-images.sh --check
	scripts/lint-openapi.sh

clients: setup ## Generate and compile clients in TypeScript, Python and Kotlin; run the first two
	scripts/typescript-client.sh
	scripts/python-client.sh
	scripts/kotlin-client.sh

advisories: ## Check the dependencies for known vulnerabilities; ADVISORIES=required fails offline
	scripts/advisories.sh

pin: ## Pin the base images of the containers to the current digests of their tags
	scripts/pin-images.sh

fuzz: setup ## Test the API against its document with schemathesis, as an admin and as a salesperson
	scripts/fuzz-api.sh

# Of the program that the tests use. Single rounds vary by a third, so a slow one is repeated twice.
SHORT_BENCH = BENCH_SCALE=0.01 BENCH_SECONDS=2 BENCH_ROUNDS=1 \
	SALESBOOK_BIN=$${SALESBOOK:-target/debug/salesbook} benches/run.sh --only reads,writes
slower: setup # Compare a short benchmark with the kept ratios
	$(if $(SALESBOOK),,cargo test $(TESTS) --no-run)
	$(SHORT_BENCH) --compare || $(SHORT_BENCH) --compare || $(SHORT_BENCH) --compare

kept: setup # Keep the ratios of a short benchmark
	$(if $(SALESBOOK),,cargo test $(TESTS) --no-run)
	$(SHORT_BENCH) --keep

bench: setup ## Run the benchmarks (benches/README.md)
	benches/run.sh

# The tests that do more with TORTURE_MINUTES (tests/it/support/sampling.rs); service::packaging compares
# the list with their sources.
torture: setup ## Run the long variants of the reliability tests for TORTURE_MINUTES (default: 60)
	TORTURE_MINUTES=$${TORTURE_MINUTES:-60} cargo test --locked --release --test it -- --include-ignored \
		--nocapture reliability:: machines:: receivables:: credit::race:: complaints::machine:: api::bodies:: \
		api::chinese:: api::hidden:: reports::calls:: sync::parked:: sync::batch_memory::

dist: setup ## Build a binary tarball and a Debian package with checksums in target/dist
	scripts/dist.sh

setup: # Find or install PostgreSQL
	@scripts/setup.sh
