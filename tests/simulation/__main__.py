"""`python -m tests.simulation SEED`: one seed, told step by step."""

import sys

import structlog

from tests.simulation.world import simulate

if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("warning"))
    print(simulate(int(sys.argv[1]), trace=print))
