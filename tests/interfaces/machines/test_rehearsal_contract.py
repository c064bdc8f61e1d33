"""A simulated cluster is to our dialects what real ones are: the same suite, in each dialect."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.interfaces.machines.rehearsed import BENCHES, rehearsed
from tests.interfaces.machines.server_bench import *  # noqa: F403
from tests.interfaces.machines.server_bench import ServerBench


@pytest.fixture(params=[*BENCHES])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ServerBench]:
    async with rehearsed(tmp_path, request.param) as bench:
        yield bench
