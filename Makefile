# Two commands do all on a fresh Debian or Ubuntu machine: `make demo` and `make test`.

BASE := target/fixtures/debian-bookworm
CONTEXT := --build-context debian:bookworm=oci-layout://$(CURDIR)/$(BASE):bookworm
RLOCK := target/release/rlock

.PHONY: demo test bench lint doc fixtures setup setup-bench setup-demo

# Builds rlock and checks the fixture: two builds of a real Dockerfile on a real Debian base.
demo: setup-demo $(BASE)
	cargo build --release --locked
	$(RLOCK) check $(CONTEXT) fixtures/imagemagick

# Everything that proves rlock: unit tests, real builds, real registries, the tools of others.
test: setup fixtures
	cargo test --locked

# rlock next to its peers, on the same Dockerfile, in one run.
bench: setup-bench fixtures
	cargo build --release --locked
	bench/run
	bench/door
	bench/review

lint:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings

doc:
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

setup-demo:
	scripts/setup demo

setup-bench:
	scripts/setup bench

setup:
	scripts/setup test

fixtures: $(BASE)
	fixtures/busybox-base.sh target/fixtures/busybox
	fixtures/alpine-base.sh target/fixtures/alpine
	fixtures/clients-base.sh clients target/fixtures/clients
	fixtures/clients-base.sh python target/fixtures/python
	fixtures/clients-base.sh rust target/fixtures/rust
	fixtures/clients-base.sh go target/fixtures/go
	fixtures/clients-base.sh java target/fixtures/java

$(BASE):
	fixtures/debian-base.sh bookworm $(BASE)
