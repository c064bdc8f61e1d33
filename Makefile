# make install, demo, unit, test, chaos, lint, bench, kafka: each sets up what it needs.

PYTHON ?= python3
# Where it is set, each process compiles all that it imports.
unexport PYTHONDONTWRITEBYTECODE
FIRE := workflows/wildfire/firespread

.PHONY: install demo unit test chaos lint bench kafka clean

install: .venv/installed .venv-fire/installed

demo: install
	.venv/bin/vestec demo wildfire

# Tests on servers that cannot be had are skipped, and said so; with CI=true they fail.
test: .venv/developing .venv-fire/installed
	@deploy/servers/install kafka sshd slurm gridengine nginx || true
	.venv/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 30

unit: .venv/developing
	.venv/bin/python -m pytest -n 2 tests/bus tests/events tests/managers tests/workflows tests/contract/test_memory.py

# A hundred kills of parts that run on Kafka, and as many on PostgreSQL; it prints what was checked.
# They are others each time: VESTEC_CHAOS_SEED=N make chaos repeats those of a seed that it printed.
chaos: .venv/developing
	@deploy/servers/install kafka
	@seed=$${VESTEC_CHAOS_SEED:-$$(.venv/bin/python -c "import random; print(random.randrange(10**6))")}; \
	case $$seed in *[!0-9]*) echo "VESTEC_CHAOS_SEED=$$seed: it has to be a number"; exit 2 ;; esac; \
	echo "seeds from $$seed on (VESTEC_CHAOS_SEED=$$seed)"; \
	VESTEC_CHAOS_SEED=$$seed VESTEC_CHAOS_ROUNDS=10 .venv/bin/python -m pytest -n 3 --dist load -rP tests/chaos/test_parts.py

lint: .venv/developing
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy .
	.venv/bin/lint-imports
	cd $(FIRE) && MYPYPATH=. ../../../.venv/bin/mypy --config-file ../../../pyproject.toml -p firespread

# On Kafka, and with a log of another length: .venv/bin/python -m benchmarks rebuild --engine kafka --events 1000000
bench: .venv/developing
	@deploy/servers/install sshd slurm || true
	for name in append stages push replay start takeover rebuild ssh submit poll; do .venv/bin/python -m benchmarks $$name || exit 1; done

# One broker on loopback, with its data in a temporary folder, until Ctrl-C.
kafka: .venv/installed
	@deploy/servers/install kafka
	.venv/bin/python -m deploy.kafka

clean:
	rm -rf .venv .venv-fire

.venv/locked: requirements.lock
	@deploy/make-environment $(PYTHON) .venv requirements.lock
	@touch $@

.venv/installed: .venv/locked pyproject.toml
	@.venv/bin/pip install --quiet --no-deps --no-build-isolation --config-settings editable_mode=compat --editable .
	@touch $@

.venv/developing: requirements-dev.lock .venv/installed
	@.venv/bin/pip install --quiet --require-hashes --requirement requirements-dev.lock
	@touch $@

.venv-fire/installed: $(FIRE)/requirements.lock
	@deploy/make-environment $(PYTHON) .venv-fire $(FIRE)/requirements.lock
	@.venv-fire/bin/python -c "import pathlib as p, sysconfig as s; p.Path(s.get_path('purelib'), 'firespread.pth').write_text(str(p.Path('$(FIRE)').absolute()))"
	@touch $@
