"""How tests are shared among the processes that run them side by side."""

from xdist.scheduler import LoadFileScheduling

_CHAOS = "tests/chaos/"
_ALONE = f"{_CHAOS}test_demo_killed.py"


class Sharing(LoadFileScheduling):  # type: ignore[misc]  # of a class without types
    """By file; but chaos, which starts whole systems again and again, in one process.

    More of them at a time would leave none the processor time that their patience is made for.
    The demonstration, which takes minutes, goes beside it.
    """

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return _CHAOS if file.startswith(_CHAOS) and file != _ALONE else file
