"""Which endpoint a path is: remembered as long as nothing says that it changed."""

from collections import OrderedDict

from projections import Reader
from projections.endpoints import Endpoint, find_endpoint

_REMEMBERED = 10_000


class EndpointCache:
    """Open endpoints by path; a path that is not remembered is looked up in the table."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._known: OrderedDict[str, Endpoint] = OrderedDict()
        self._changes = 0
        reader.on_endpoints_changed(self._changed)

    async def find(self, path: str) -> Endpoint | None:
        """The open endpoint of a path; one that was opened a moment ago is found."""
        if known := self._known.get(path):
            return known
        changes = self._changes
        found = await find_endpoint(self._reader.pool, path)
        if found and changes == self._changes:
            self._known[path] = found
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return found

    def _changed(self, incident: str | None) -> None:
        """Forget the endpoints of an incident, or (None) all."""
        self._changes += 1
        gone = [p for p, known in self._known.items() if incident in (None, known.incident)]
        for path in gone:
            del self._known[path]
