"""Data sets, as stages ask for them."""

from collections.abc import Sequence
from uuid import UUID, uuid5

from events import datasets as e
from events.datasets import DataSet, DataSetPage
from events.values import Blob, Context, ReplyTo
from workflows.asking import Asking


class Data(Asking):
    """The data sets of the incident."""

    _context = Context.DATASETS

    async def register(
        self,
        name: str,
        content: Blob | bytes,
        *,
        type: str = "",
        media_type: str = "application/octet-stream",
        comment: str = "",
        simulation: UUID | None = None,
        supersedes: Sequence[DataSet] = (),
    ) -> DataSet:
        """Make bytes, or what a simulation wrote, a data set of the incident."""
        blob = await self.put(content) if isinstance(content, bytes) else content
        old = tuple(data_set.id for data_set in supersedes)
        run = self._talk.run

        def command(reply_to: ReplyTo) -> e.RegisterDataSet:
            data_set = DataSet(
                id=uuid5(run.id, reply_to.call),
                name=name,
                type=type,
                media_type=media_type,
                blob=blob,
                comment=comment,
                simulation=simulation,
            )
            return e.RegisterDataSet(
                incident=self._incident, data_set=data_set, supersedes=old, reply_to=reply_to
            )

        _, value = await self._ask(
            "data.register", command, name, blob, type, media_type, comment, simulation, old
        )
        return DataSet.model_validate(value)

    async def list(self) -> list[DataSet]:
        """The data sets that nothing superseded, newest first."""
        found: tuple[DataSet, ...] = ()
        page = await self._page(None)
        while page.older:
            found += page.data_sets
            page = await self._page(found[-1].id)
        return [*found, *page.data_sets]

    async def get(self, data: DataSet | Blob) -> bytes:
        """The bytes; not recorded, since a digest names them."""
        blob = data.blob if isinstance(data, DataSet) else data
        return await self._talk.working(self._talk.blobs.get(blob))

    async def put(self, data: bytes) -> Blob:
        """Store bytes that are not a data set; not recorded, since a digest names them."""
        return await self._talk.working(self._talk.blobs.put(data))

    def get_now(self, blob: Blob) -> bytes:
        """The bytes, in a step that runs in a worker: this blocks."""
        return self._talk.blobs.get_now(blob)

    def put_now(self, data: bytes) -> Blob:
        """Store bytes that are not a data set, in a step that runs in a worker: this blocks."""
        return self._talk.blobs.put_now(data)

    async def _page(self, before: UUID | None) -> DataSetPage:
        def command(reply_to: ReplyTo) -> e.ListDataSets:
            return e.ListDataSets(before=before, reply_to=reply_to)

        _, value = await self._ask("data.list", command, before)
        return DataSetPage.model_validate(value)
