"""What became of commands, for those who wait for a word on them."""

from events.values import SYSTEM, Context
from projections import Pool
from projections.commands import find_outcome
from tests.projections.story import Place, Story
from tests.projections.tables import all_caught_up, running


async def test_what_processes_of_ours_tell_one_another_leaves_a_word_only_if_it_is_refused(
    pool: Pool,
) -> None:
    story = await Story(partitions=1).begin()

    async def told(actor: str, refused: str | None = None) -> Place:
        return await story.commit(
            Context.OPERATIONS, "m", actor=actor, command=0, refused=refused, what="HandsTold"
        )

    person, hands = await told("ada"), await told(SYSTEM)
    unheard = await told(SYSTEM, refused="hands do not tell Lies")
    async with running(story, pool) as reader:
        await all_caught_up(reader, story)
        taken, nothing, no = [await find_outcome(pool, it.id) for it in (person, hands, unheard)]
    assert taken is not None
    assert no is not None
    assert (taken.accepted, nothing, no.accepted) == (True, None, False)
