# `make test` is the one test command: it checks the prerequisites, installs the rest by name, and runs everything.
# `make test-fast` is cargo alone: no installed program, no Go.

.PHONY: test test-fast lint bench fuzz image-check

test: ## everything, nothing skipped
	@tests/setup/prerequisites
	@tests/setup/install
	cargo test --locked

test-fast: ## what needs cargo alone
	cargo test --locked --lib --bins --test it --test memory

lint: ## formatting, clippy, licences and bans, documentation, the Dockerfile
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo deny --locked check bans licenses sources
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items
	tests/setup/image-check

bench: ## criterion benches
	cargo bench --locked

FUZZ_SECONDS ?= 60

fuzz: ## each fuzz target for FUZZ_SECONDS (60), on stable; needs `cargo install cargo-fuzz` and a C++ compiler
	@set -e; for target in archive documents edit index range; do \
		mkdir -p fuzz/corpus/$$target; \
		cargo fuzz run -s none $$target fuzz/corpus/$$target fuzz/seeds/$$target -- \
			-max_total_time=$(FUZZ_SECONDS) -max_len=65536 -timeout=20 -rss_limit_mb=1024; \
	done

image-check: ## the Dockerfile's build by hand: static, and at home in an empty root (minutes; root)
	tests/setup/image-check --build
