"""What every connection promises: what is known of a command and of a file, and what is not."""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from interfaces.machines.connection import (
    CommandCut,
    Completed,
    Connection,
    FileMissing,
    FileUnfit,
    MachineError,
    OutputTooLarge,
)
from interfaces.machines.scripts.layout import quoted
from interfaces.machines.testing.dialects import HOSTILE

LIMIT = 3 << 20
"""Bytes that are fetched at most."""


def on_a_connection(
    test: Callable[[Any, Connection, Path], Awaitable[None]],
) -> Callable[[Any, Path], None]:
    """A test with a connection that is open, whatever runs tests that are coroutines."""

    def run(self: "ConnectionContract", tmp_path: Path) -> None:
        async def connected() -> None:
            async with self.connection() as connection:
                await test(self, connection, tmp_path)

        asyncio.run(connected())

    run.__doc__ = test.__doc__
    return run


class ConnectionContract:
    """Subclass it: its machine is this very computer, and its account whoever runs the tests."""

    def connection(self, sessions: int = 8) -> Connection:
        """One that is not open yet, with at most so many sessions at once."""
        raise NotImplementedError

    @on_a_connection
    async def test_a_command_answers_with_status_and_both_streams(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        answer = await run(connection, "echo out; echo err >&2; printf 'no end'; exit 7")
        assert answer == Completed(7, "out\nno end", "err\n")

    @on_a_connection
    async def test_it_says_how_much_of_a_file_a_command_carries(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        assert connection.piece is None or connection.piece > 0

    @on_a_connection
    async def test_a_command_reads_nothing_and_sees_the_c_locale(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        answer = await run(connection, "cat; echo $LC_ALL; read line || echo end")
        assert answer == Completed(0, "C\nend\n", "")

    @on_a_connection
    async def test_any_word_is_one_word_to_the_shell(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        for word in (*HOSTILE, "two\nlines\n", "\x1f\x7f\r"):
            assert (await run(connection, f"printf %s {quoted(word)}")).stdout == word

    @on_a_connection
    async def test_a_command_beyond_its_deadline_is_unknown_and_killed(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        await run(connection, "true")  # logs in
        begin = time.monotonic()
        with pytest.raises(CommandCut):
            await run(connection, f"sleep 3; touch {tmp_path}/done", deadline=0.8)
        assert time.monotonic() - begin < 2.9
        assert (await run(connection, "sleep 2.4; echo waited")).stdout
        assert not (tmp_path / "done").exists()

    @on_a_connection
    async def test_no_end_mark_is_unknown_never_failed(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        for script in ("kill -9 $$", "case x in", "echo '"):
            with pytest.raises(CommandCut):
                await run(connection, script)

    @on_a_connection
    async def test_what_was_cut_is_not_run_again(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        for name, ends in {"dead": "kill -9 $$", "late": "sleep 9", "loud": "yes"}.items():
            script = f"echo ran >>{tmp_path}/{name}; {ends}"
            with pytest.raises(CommandCut):
                await run(connection, script, deadline=3, output_limit=1000)
            assert (tmp_path / name).read_text() == "ran\n", name

    @on_a_connection
    async def test_too_much_output_is_cut(self, connection: Connection, tmp_path: Path) -> None:
        with pytest.raises(OutputTooLarge):
            await run(connection, "cat /dev/zero", output_limit=1000)
        most = await run(connection, "head -c 1000 /dev/zero", output_limit=1000)
        assert len(most.stdout) == 1000

    @on_a_connection
    async def test_a_background_process_does_not_hold_the_answer_up(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        begin = time.monotonic()
        assert (await run(connection, "setsid sleep 3 & echo here")).stdout == "here\n"
        assert time.monotonic() - begin < 2.5

    def test_no_more_commands_at_once_than_sessions(self, tmp_path: Path) -> None:
        script = f"""
            cd {tmp_path}; touch $$; tries=100
            while test $(ls | wc -l) -lt 2 -a $tries -gt 0; do
                sleep 0.02; tries=$((tries - 1))
            done
            ls | wc -l; sleep 0.1; rm $$
        """

        async def answers() -> list[Completed]:
            async with self.connection(2) as connection:
                return await asyncio.gather(*(run(connection, script) for _ in range(8)))

        assert max(int(answer.stdout) for answer in asyncio.run(answers())) == 2

    @on_a_connection
    async def test_files_arrive_whole_or_not_at_all(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        place = PurePosixPath(tmp_path / "deep" / "fi'le $(x)\n")
        await connection.put(place, pieces(b"first", b" whole"))
        with pytest.raises(ZeroDivisionError):
            await connection.put(place, pieces(b"second", None))
        assert await fetched(connection, place, tmp_path) == b"first whole"
        assert [path.name for path in (tmp_path / "deep").iterdir()] == [place.name]

    @on_a_connection
    async def test_errors_about_files_are_sentences(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        with pytest.raises(FileMissing, match="No such file"):
            await fetched(connection, PurePosixPath(tmp_path / "none"), tmp_path)
        with pytest.raises(MachineError, match="cannot read /proc/self/mem: "):
            await fetched(connection, PurePosixPath("/proc/self/mem"), Path("/proc"))
        (tmp_path / "file").write_text("")
        with pytest.raises(MachineError, match="cannot write"):
            await connection.put(PurePosixPath(tmp_path / "file" / "x"), pieces(b""))

    @on_a_connection
    async def test_a_file_is_missing_only_where_others_are(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        jobs = tmp_path / "jobs"
        place = PurePosixPath(jobs / "v1" / "map")
        with pytest.raises(MachineError, match=r"cannot read .*/map: .*/jobs is not there") as away:
            await fetched(connection, place, jobs / "v1")
        assert not isinstance(away.value, FileMissing | FileUnfit)
        jobs.mkdir()
        with pytest.raises(FileMissing):
            await fetched(connection, place, jobs / "v1")

    @on_a_connection
    async def test_only_a_file_of_its_own_folder_is_read(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        for name, (left, reason) in _LEFT.items():
            job = tmp_path / name / "job"
            job.mkdir(parents=True)
            left(job / "out")
            async with asyncio.timeout(5):
                with pytest.raises(FileUnfit) as unfit:
                    await fetched(connection, PurePosixPath(job / "out"), job)
            assert re.search(reason, str(unfit.value)), name

    @on_a_connection
    async def test_a_link_within_its_folder_is_followed(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        (tmp_path / "newest-17").write_bytes(b"a map")
        (tmp_path / "newest").symlink_to("newest-17")
        place = PurePosixPath(tmp_path / "newest")
        assert await fetched(connection, place, tmp_path) == b"a map"

    @on_a_connection
    async def test_a_file_that_grows_beyond_the_limit_is_cut_there(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        (tmp_path / "log").write_bytes(b"x" * LIMIT)
        within = PurePosixPath(tmp_path)
        reading = connection.get(within / "log", within=within, limit=LIMIT)
        await anext(reading)
        with (tmp_path / "log").open("ab") as file:
            file.write(b"more")
        with pytest.raises(FileUnfit, match="bytes, and at most"):
            async for _ in reading:
                pass


def _link_to_a_neighbour(place: Path) -> None:
    (place.parent.parent / "other").write_text("of another job")
    place.symlink_to("../other")


def _sparse(place: Path) -> None:
    with place.open("wb") as file:
        file.truncate(LIMIT + 1)


_LEFT: dict[str, tuple[Callable[[Path], None], str]] = {
    "pipe": (os.mkfifo, "it is a named pipe, not a file"),
    "folder": (Path.mkdir, "it is a folder, not a file"),
    "link to a secret": (
        lambda place: place.symlink_to("/etc/passwd"),
        "it is a link to /etc/passwd, outside of its folder",
    ),
    "link to a neighbour": (
        _link_to_a_neighbour,
        "it is a link to .*/other, outside of its folder",
    ),
    "link to itself": (
        lambda place: place.symlink_to(place.name),
        "cannot be opened: Too many levels of symbolic links",
    ),
    "too large": (_sparse, "it has 3,145,729 bytes, and at most 3,145,728 are fetched"),
}
"""What a program may have left in place of a result, and what is said of it."""


async def run(
    connection: Connection, script: str, deadline: float = 10, output_limit: int = 1 << 20
) -> Completed:
    """Run a command of a test's."""
    return await connection.run(script, deadline=deadline, output_limit=output_limit)


async def fetched(connection: Connection, place: PurePosixPath, within: Path) -> bytes:
    """All of a file, of at most `LIMIT` bytes."""
    chunks = connection.get(place, within=PurePosixPath(within), limit=LIMIT)
    return b"".join([chunk async for chunk in chunks])


async def pieces(*parts: bytes | None) -> AsyncIterator[bytes]:
    """What is put; None: whoever brings it fails."""
    for part in parts:
        if part is None:
            raise ZeroDivisionError
        yield part
