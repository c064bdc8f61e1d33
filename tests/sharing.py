"""How tests are shared among the processes that run them side by side."""

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

_CHAOS = "tests/chaos/"
_STREAMS = 2


class Sharing(LoadFileScheduling):  # type: ignore[misc]  # of a class without types
    """By file; but of chaos, which starts whole systems again and again, two files at a time.

    More of them would leave none of them the processor time that their patience is made for.
    """

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        self._chaos: dict[str, int] = {}

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        if not file.startswith(_CHAOS):
            return file
        return f"{_CHAOS}{self._chaos.setdefault(file, len(self._chaos)) % _STREAMS}"
