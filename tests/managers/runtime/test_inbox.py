"""Who waits for a decision hears of its end."""

import asyncio
from uuid import uuid4

from managers.runtime.inbox import Inbox, Item, Reply


def _item() -> tuple[Item, Reply]:
    reply: Reply = asyncio.get_running_loop().create_future()
    id = uuid4()
    return Item("key", "anything", id, "test", id, "test", reply=reply), reply


async def test_what_waits_and_what_comes_too_late_is_abandoned() -> None:
    inbox = Inbox()
    (early, waits), (late, too_late) = _item(), _item()
    inbox.put(early)
    inbox.close()
    inbox.put(late)
    assert waits.cancelled()
    assert too_late.cancelled()
