# What people type. Everything else is in the scripts that these lines call.
SHELL := /bin/bash
PYTHON ?= python3
VENV := build/venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes

.PHONY: run test test-all check rehearse image bench clean setup

help:
	@echo "make run       boot the image in this terminal, with neighbours on simulated radios and blank sticks"
	@echo "make test      the tests: units, network namespaces, and the image in a virtual machine"
	@echo "make test-all  the same, with the longest ones, and every power cut of the crash tests, into build/cuts.json"
	@echo "make check     lint, types and unit tests, in under a minute"
	@echo "make rehearse  the wizard on this computer; nothing is changed"
	@echo "make image     build/byzantium.iso for discs and sticks, build/byzantium.img for sticks"
	@echo "make bench     speed and memory, as ratios to a reference of the same run"
	@echo "make clean     remove build/"

# The environment of the lock file; made again when the lock file changes.
$(VENV)/.ready: requirements.lock
	@iso/host-setup python
	@echo "Setting up Python"
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@# What comes as source is built with the lock file's own tools; pip would fetch the newest it finds.
	@awk '/^[a-zA-Z]/ {on = /^(setuptools|wheel|packaging)==/} on' requirements.lock >$(VENV)/tools.lock
	@$(PIP) --no-deps -r $(VENV)/tools.lock
	@$(PIP) --no-build-isolation -r requirements.lock
	@$(BIN)/python iso/translations compile
	@touch $@

setup: $(VENV)/.ready

# What was compiled is kept, whatever the shell says: else both workers translate all tests each time.
check: export PYTHONDONTWRITEBYTECODE :=
check: export PYTHONPYCACHEPREFIX := $(CURDIR)/build/pycache
check: setup
	@$(BIN)/python -m pytest -q --numprocesses auto --dist worksteal tests/unit

rehearse: setup
	@$(BIN)/python -m byzwizard --json inspect > build/machine.json
	@$(BIN)/python -m byzwizard --machine build/machine.json

image: setup
	@iso/host-setup
	@PYTHON=$(BIN)/python iso/build

run: image
	@$(BIN)/python tests/vm/run

# The longest ones are left to test-all; of the power cuts, all but a sample.
LONGEST := $(addprefix tests/net/test_,ahcp.py browsers.py data.py each_service.py exposure.py files.py health.py hundred.py open_ports.py pad.py phone.py saved.py tunnel.py voice.py) $(addprefix tests/vm/test_,batman.py clone_mesh.py clone_sources.py ipsec.py islands.py keep_data.py keep_pages.py links.py radios.py refused.py services.py topologies.py uplinks.py)
test: check image
	@# Two networks, and two machines, side by side: each waits for the other end of something half of the time.
	@$(BIN)/python -m pytest -v -n 2 --dist loadfile tests/net $(addprefix --ignore=,$(LONGEST))
	@# Disks alone: what a container of a network has of a mount would keep it in use.
	@$(BIN)/python -m pytest -v tests/disk
	@$(BIN)/python -m pytest -v -n 2 --dist loadfile --no-loadscope-reorder tests/vm $(addprefix --ignore=,$(LONGEST))

test-all: export BYZ_ALL_POINTS := 1
test-all: test
	@iso/host-setup browser
	@$(BIN)/python -m pytest -v $(LONGEST)

bench: image
	@$(BIN)/python -m tests.bench

clean:
	rm -rf build
