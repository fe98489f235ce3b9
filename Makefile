# What one does with the project; `make help` lists it.
SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help demo run test check clients advisories pin fuzz bench torture setup

help: ## List these commands
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: ## Start the service on 127.0.0.1:8080 with a demo company
	@$(if $(DATABASE_URL),,scripts/setup.sh)
	cargo run --locked --release -- demo

run: ## Start the service on 127.0.0.1:8080 with the data of earlier runs, none at first
	@$(if $(DATABASE_URL),,scripts/setup.sh)
	cargo run --locked --release -- serve

test: setup ## Run all tests on a throw-away PostgreSQL
	cargo test --locked --workspace

check: setup advisories ## Format, clippy, rustdoc, licences, advisories, unused dependencies, OpenAPI lint
	@cargo fmt --version && cargo clippy --version || rustup component add rustfmt clippy
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps
	scripts/cargo-tool.sh deny check bans licenses sources
	scripts/cargo-tool.sh machete
	scripts/pin-images.sh --check
	scripts/lint-openapi.sh

clients: setup ## Generate clients in TypeScript, Python and Kotlin, compile them, and run a day with two
	scripts/typescript-client.sh
	scripts/python-client.sh
	scripts/kotlin-client.sh

advisories: ## Compare the dependencies with the known weaknesses; ADVISORIES=required fails offline
	scripts/advisories.sh

pin: ## Pin the base images of the containers to the digests that their tags have today
	scripts/pin-images.sh

fuzz: setup ## Hold the API to its document by schemathesis, as an admin and as a salesperson
	scripts/fuzz-api.sh

bench: setup ## Measure the performance figures as ratios (benches/README.md)
	benches/run.sh

# Those whose numbers grow with TORTURE_MINUTES (often() and or_in_torture() of tests/it/process.rs);
# a name matches its end, too: points:: is also money_points:: and field_points::.
torture: setup ## The long variants of the reliability tests, for TORTURE_MINUTES (60)
	TORTURE_MINUTES=$${TORTURE_MINUTES:-60} cargo test --locked --release --test it -- --include-ignored \
		--nocapture committed:: credit_race:: followed:: interrupted:: kill:: load:: money_bulk:: \
		network:: parked:: points:: receivables:: slow:: steps::

setup: # Find PostgreSQL or install it
	@scripts/setup.sh
