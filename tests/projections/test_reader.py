"""The readers' view of how far projections are."""

from structlog.testing import capture_logs

from events import incidents as e
from events.values import Context, Note
from projections import Pool
from projections.positions import MOVED
from tests.projections.story import Story
from tests.projections.tables import caught_up, running, until

NOTE = e.Noted(note=Note(text="look"))


async def test_a_reader_goes_on_after_an_error_that_nobody_thought_of(pool: Pool) -> None:
    story = await Story().begin()
    async with running(story, pool) as reader:
        await caught_up(reader, await story.commit(Context.INCIDENTS, "one", NOTE))
        with capture_logs() as lines:
            await pool.execute("alter table vestec_read.positions rename sequence to other")
            await pool.execute("select pg_notify($1, 'incidents')", MOVED)
            await until(lambda: any(one["event"] == "positions cannot be read" for one in lines))
        await pool.execute("alter table vestec_read.positions rename other to sequence")
        await caught_up(reader, await story.commit(Context.INCIDENTS, "one", NOTE))
