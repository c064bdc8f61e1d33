"""How a job is brought to its machine: submitted once, and in doubt looked for."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NoReturn

from bus.tasks import doubling
from events.jobs import JobReport, RelativePath, parts_of
from events.prose import cut
from events.values import Blob
from interfaces.machines.batch import BatchSystem
from interfaces.machines.connection import MIB, MachineError, NoRoom, TemplateUnfit
from interfaces.machines.dialect import InDoubt, Submitted
from interfaces.machines.dialects.other_jobs import NOT_YET
from interfaces.machines.work.machine import Machine
from managers.blobs import BlobMissing, BlobStore
from managers.operations import (
    Job,
    JobSeen,
    RoomLooked,
    SubmissionAbsent,
    SubmissionAnswered,
    SubmissionBegins,
    SubmissionImpossible,
    SubmissionInDoubt,
    SubmissionTurnedDown,
)
from managers.runtime import crash_point, hand_over
from managers.runtime.manager import Input, Tell

_SELDOM = 600.0
"""Seconds between two tries of a job whose files are larger than the room that there is."""
_LARGE = 64 * MIB
"""Inputs of so many bytes are brought only where there is known to be room."""


async def bring(
    machine: Machine, job: Job, blobs: BlobStore, tell: Tell, complain: Callable[[str], bool]
) -> None:
    """Submit; in doubt repeat the same submission, which never goes out twice, and look.

    `complain` is told why that fails, and of nothing as soon as it got on.
    """
    token, submission = job.token, job.submission
    doubted = bool(job.doubted) or job.unwanted
    tried, impossible = job.tried or bool(job.doubted), ""
    if job.unwanted and not (tried or job.may_be_there):
        await hand_over(tell, SubmissionAbsent(token, submission))
        return
    size = sum(blob.size for blob in job.inputs.values())
    looks_first = size >= _LARGE

    async def submit(batch: BatchSystem) -> Input:
        nonlocal tried, impossible
        if impossible:
            await batch.cancel(token)
            return SubmissionImpossible(token, submission, impossible)
        if not doubted:
            await machine.room.wait()
        try:
            async with noticing_room(machine, tell):
                await prepare(batch)
                if not tried:
                    await hand_over(tell, SubmissionBegins(token, submission))
                    tried = True
                crash_point("before submission")
                with machine.asked_to_take(token):
                    answer = await batch.submit(job.asked, submission)
        except (BlobMissing, TemplateUnfit) as missing:
            impossible = str(missing)
            await batch.cancel(token)  # nor does it start if a process that slept submits it
            return SubmissionImpossible(token, submission, impossible)
        except NoRoom:
            # Who tried it before has left a folder, and that needs no room to be read.
            if job.unwanted and until is None and not job.may_be_there:
                return SubmissionAbsent(token, submission)
            raise
        crash_point("after submission")
        if isinstance(answer, Submitted):
            return SubmissionAnswered(token, submission, answer.job_id, cut(answer.remarks))
        others = NOT_YET in answer.reason  # which no other privilege changes
        waits = not job.privileges or job.privileges[0].waits or others
        if waits and not job.unwanted and not answer.permanent:
            raise MachineError(f"not taken now: {answer.reason}")
        return SubmissionTurnedDown(token, submission, answer.reason)

    async def prepare(batch: BatchSystem) -> None:
        """What is larger than the room there is waits alone, and tries more and more seldom.

        As far as is known before, none of it is written: others may need what is left.
        """
        nonlocal looks_first
        inputs = {name: _input(blobs, name, blob) for name, blob in job.inputs.items()}
        if looks_first and not tried:
            host = await batch.host()
            if host.disk and host.disk.left < size and not host.full:
                await batch.remove(token)
                await wait_alone(f"{host.disk.left / MIB:.0f} MiB are left")
        try:
            await batch.prepare(token, inputs, job.request.template, again=tried)
        except NoRoom as full:
            if tried:
                raise
            await batch.remove(token)
            host = await batch.host()
            if host.full:
                raise
            looks_first = True
            await wait_alone(str(full))

    async def wait_alone(why: str) -> NoReturn:
        reason = f"there is no room for the template and inputs of this job: {why}"
        complain(reason)
        await asyncio.sleep(machine.jittered(next(too_large)))
        raise MachineError(reason)

    async def look(batch: BatchSystem) -> list[JobReport]:
        return list((await batch.find(parts_of(token, job.request.instances))).values())

    too_large = doubling(machine.manners.ask, max(machine.manners.ask, _SELDOM))
    await asyncio.sleep(machine.before_repeating(submission))
    clock = asyncio.get_running_loop().time
    pauses = doubling(machine.manners.look, machine.manners.ask)
    until: float | None = None
    while True:
        try:
            await hand_over(tell, await machine.persist(submit, complain))
            return
        except InDoubt as doubt:
            doubted = True
            if complain("") or until is None:
                await hand_over(tell, SubmissionInDoubt(token, submission, str(doubt)))
            until = min(until or math.inf, clock() + doubt.wait)
        over = clock() >= until
        if seen := await machine.persist(look, complain):
            await hand_over(tell, JobSeen(seen[0], seen[1:]))
            return
        if over:  # an empty answer is proof of absence only now
            await hand_over(tell, SubmissionAbsent(token, submission))
            return
        await asyncio.sleep(min(next(pauses), max(0.0, until - clock())))


async def _input(blobs: BlobStore, name: RelativePath, blob: Blob) -> AsyncIterator[bytes]:
    try:
        async for chunk in blobs.stream(blob):
            yield chunk
    except BlobMissing as missing:
        raise BlobMissing(f"the input {name} cannot be read: {missing}") from missing


@asynccontextmanager
async def noticing_room(machine: Machine, tell: Tell) -> AsyncIterator[None]:
    """Tell of the machine if files of ours have no room there."""
    try:
        yield
    except NoRoom as full:
        machine.has_room(False)
        await hand_over(tell, RoomLooked(str(full)))
        raise
