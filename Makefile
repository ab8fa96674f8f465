# Everything a newcomer or a developer runs. Python 3.11 or later and Rust are all that must be there.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
SOURCES := Cargo.toml Cargo.lock pyproject.toml $(shell find crates python -name '*.rs' -o -name '*.toml' -o -name '*.j2' -o -name '*.html')

# by default from the clock; it is printed, and a seed given again gives the same problems
SEED ?=
CASES ?= 100000

.PHONY: demo test test-hosts peer-tests peer-tests-hosts hunt fuzz model valgrind miri check lint types docs generated bench clean

## demo: makes its own environment, installs, fits a real table and writes report.html
demo: $(VENV)/.installed
	$(BIN)/steepest fit breast_cancer --report report.html
	@echo
	@echo "steepest is in $(BIN): call $(BIN)/steepest, or '. $(BIN)/activate' once and then steepest"

## test: the whole suite without torch: Rust, then Python
test: $(VENV)/.test
	cargo test --quiet --package steepest --all-features
	$(BIN)/python -m pytest -m "not hosts" --numprocesses auto --maxprocesses 4 --dist worksteal

## test-hosts: torch, Keras, JAX, ONNX and ASE too
test-hosts: $(VENV)/.hosts
	KERAS_BACKEND=torch $(BIN)/python -m pytest -m hosts --numprocesses auto --maxprocesses 2 --dist worksteal

## peer-tests: scikit-learn's own tests of its linear models and SciPy's of minimize, with ours in the place of theirs
peer-tests: $(VENV)/.test
	$(BIN)/python tools/peer_tests.py scikit
	$(BIN)/python tools/peer_tests.py scipy_optimize

## peer-tests-hosts: Keras' own tests of its optimizers, ASE's of its own; torch's where TORCH_TESTS names test/optim of its checkout
peer-tests-hosts: $(VENV)/.hosts
	$(BIN)/python tools/peer_tests.py keras_optimizers
	$(BIN)/python tools/peer_tests.py ase_optimize
	$(if $(TORCH_TESTS),$(BIN)/python tools/peer_tests.py torch_optim)

## hunt: generated problems, new ones each time, judged by an oracle in 80-bit numbers; counts go to hunt.txt (SEED=, CASES=, FIRST=)
hunt: $(VENV)/.test
	$(BIN)/python -m tests.generated --cases $(CASES) $(if $(SEED),--seed $(SEED)) $(if $(FIRST),--first $(FIRST)) --summary hunt.txt

## model: the thread pool under a model checker, in every order of events with up to three preemptions
model:
	RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS=3 CARGO_PROFILE_TEST_OPT_LEVEL=0 CARGO_PROFILE_DEV_OPT_LEVEL=0 \
	cargo test --quiet -p pool-model --target-dir target/loom

## valgrind: all that is unsafe, under valgrind, on the instruction set that it knows best
valgrind:
	CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="valgrind -q --error-exitcode=9 --leak-check=no" PROPTEST_CASES=8 \
	STEEPEST_SIMD=baseline STEEPEST_NUM_THREADS=3 cargo test --quiet -p steepest --lib --test rules --test glm --test designs --test progressive_softmax

## miri: the same under the interpreter that sees undefined behaviour (needs a nightly toolchain with miri)
miri:
	MIRIFLAGS="-Zmiri-disable-isolation" STEEPEST_SIMD=baseline STEEPEST_NUM_THREADS=3 cargo +nightly miri test -p steepest --lib -- pool:: random::

## fuzz: every reader of bytes for ten minutes each (SECONDS_EACH=600); with atheris installed, guided by coverage
fuzz: $(VENV)/.test
	$(BIN)/python tests/fuzz/run.py --seconds $(or $(SECONDS_EACH),600)

## check: what CI runs after the tests; with GALLERY=0 the documentation runs no script, as the suite has run them
check: lint types generated docs

lint: $(VENV)/.develop
	cargo fmt --all --check
	find crates -name '*.rs' | xargs rustfmt --check --edition 2024 # those that macros name too
	cargo clippy --quiet --workspace --all-targets --all-features -- -D warnings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.develop
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest steepest._core --mypy-config-file pyproject.toml

generated: $(VENV)/.develop
	$(BIN)/python tools/gen.py --check

docs: $(VENV)/.develop
	RUSTDOCFLAGS="-D warnings" cargo doc --quiet --no-deps -p steepest --all-features
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build

bench: $(VENV)/.develop
	$(BIN)/python -m pip install --quiet -e '.[benchmarks]'
	for b in benchmarks/[a-z]*.py; do $(BIN)/python $$b || exit 1; done

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "steepest needs Python 3.11 or later; got " + sys.version.split()[0])'
	@command -v cargo >/dev/null || { echo "steepest is built with Rust: install it from https://rustup.rs"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"

$(VENV)/.installed: $(BIN)/python $(SOURCES)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'maturin>=1.9,<2'
	@echo "building the core (a few minutes the first time)"
	PIP_QUIET=1 PIP_DISABLE_PIP_VERSION_CHECK=1 VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --release --quiet
	touch $@

$(VENV)/.test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group test
	touch $@

$(VENV)/.develop: $(VENV)/.test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group develop
	touch $@

$(VENV)/.hosts: $(VENV)/.test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'torch>=2.4' 'keras>=3.5' tensorflow-cpu 'jax>=0.8' 'optax>=0.2.4' 'skl2onnx>=1.17' onnxruntime 'ase>=3.29' tensorboard mlflow-skinny expecttest
	touch $@

clean:
	rm -rf $(VENV) target docs/_build docs/gallery report.html
