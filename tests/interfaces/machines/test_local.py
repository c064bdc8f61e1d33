"""The local connection: what is known of a command, and what is not."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interfaces.machines.connection import (
    CommandCut,
    Completed,
    FileMissing,
    FileUnfit,
    MachineError,
    OutputTooLarge,
)
from interfaces.machines.framing import Frame
from interfaces.machines.layout import quoted
from interfaces.machines.local import LocalConnection


async def run(script: str, deadline: float = 10, **options: int) -> Completed:
    async with LocalConnection() as connection:
        return await connection.run(script, deadline=deadline, **options)


async def test_a_command_answers_with_status_and_both_streams() -> None:
    answer = await run("echo out; echo err >&2; printf 'no end'; exit 7")
    assert answer == Completed(7, "out\nno end", "err\n")


async def test_a_command_reads_nothing_and_sees_the_c_locale() -> None:
    assert await run("cat; echo $LC_ALL; read line || echo end") == Completed(0, "C\nend\n", "")


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_text_is_one_word_to_the_shell(text: str) -> None:
    answer = asyncio.run(run(f"printf %s {quoted(text)}"))
    assert answer.stdout == text


async def test_a_command_beyond_its_deadline_is_unknown_and_killed(tmp_path: Path) -> None:
    begin = time.monotonic()
    with pytest.raises(CommandCut):
        await run(f"sleep 1; touch {tmp_path}/done", deadline=0.1)
    assert time.monotonic() - begin < 0.9
    assert (await run("sleep 1.2; echo waited")).stdout
    assert not (tmp_path / "done").exists()


@pytest.mark.parametrize("script", ["kill -9 $$", "case x in", "echo '"])
async def test_no_end_mark_is_unknown_never_failed(script: str) -> None:
    with pytest.raises(CommandCut):
        await run(script)


async def test_too_much_output_is_cut() -> None:
    with pytest.raises(OutputTooLarge):
        await run("cat /dev/zero", output_limit=1000)
    assert len((await run("head -c 1000 /dev/zero", output_limit=1000)).stdout) == 1000


async def test_a_background_process_does_not_hold_the_answer_up() -> None:
    begin = time.monotonic()
    assert (await run("setsid sleep 3 & echo here")).stdout == "here\n"
    assert time.monotonic() - begin < 2.5


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9, 0.99])
async def test_a_script_cut_on_its_way_does_nothing(tmp_path: Path, fraction: float) -> None:
    text = Frame(f"touch {tmp_path}/one\ntouch {tmp_path}/two\n").encode()
    shell = await asyncio.create_subprocess_exec(
        "/bin/sh", "-s", stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    await shell.communicate(text[: int(len(text) * fraction)])
    assert os.listdir(tmp_path) == []


async def test_what_a_start_up_file_prints_is_not_the_answer() -> None:
    frame = Frame("echo answer; echo error >&2")
    shell = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", "echo welcome; echo quota >&2; exec /bin/sh -s",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert shell.stdin
    assert shell.stdout
    assert shell.stderr
    shell.stdin.write(frame.encode())
    answer = await frame.decode(shell.stdout, shell.stderr, 1000)
    await shell.wait()
    assert answer == Completed(0, "answer\n", "error\n")


async def test_no_more_commands_at_once_than_sessions(tmp_path: Path) -> None:
    script = f"cd {tmp_path}; touch $$; ls | wc -l; sleep 0.1; rm $$"
    async with LocalConnection(sessions=2) as connection:
        answers = await asyncio.gather(*(connection.run(script, deadline=10) for _ in range(8)))
    assert max(int(answer.stdout) for answer in answers) == 2


async def test_files_arrive_whole_or_not_at_all(tmp_path: Path) -> None:
    place = PurePosixPath(tmp_path / "deep" / "fi'le $(x)\n")
    async with LocalConnection() as connection:
        await connection.put(place, pieces(b"first", b" whole"))
        with pytest.raises(ZeroDivisionError):
            await connection.put(place, pieces(b"second", None))
        assert await fetched(connection, place, tmp_path) == b"first whole"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == [place.name]


async def test_errors_about_files_are_sentences(tmp_path: Path) -> None:
    async with LocalConnection() as connection:
        with pytest.raises(FileMissing, match="No such file"):
            await fetched(connection, PurePosixPath(tmp_path / "none"), tmp_path)
        with pytest.raises(MachineError, match="cannot read /proc/self/mem: "):
            await fetched(connection, PurePosixPath("/proc/self/mem"), Path("/proc"))
        (tmp_path / "file").write_text("")
        with pytest.raises(MachineError, match="cannot write"):
            await connection.put(PurePosixPath(tmp_path / "file" / "x"), pieces(b""))


def pipe(place: Path) -> None:
    os.mkfifo(place)


def folder(place: Path) -> None:
    place.mkdir()


def link_to_a_secret(place: Path) -> None:
    place.symlink_to("/etc/passwd")


def link_to_a_neighbour(place: Path) -> None:
    (place.parent.parent / "other").write_text("of another job")
    place.symlink_to("../other")


def link_to_itself(place: Path) -> None:
    place.symlink_to(place.name)


def sparse(place: Path) -> None:
    with place.open("wb") as file:
        file.truncate(LIMIT + 1)


LIMIT = 3 << 20


@pytest.mark.parametrize(
    ("left", "reason"),
    [
        (pipe, "it is a named pipe, not a file"),
        (folder, "it is a folder, not a file"),
        (link_to_a_secret, "it is a link to /etc/passwd, outside of its folder"),
        (link_to_a_neighbour, "it is a link to .*/other, outside of its folder"),
        (link_to_itself, "cannot be opened: Too many levels of symbolic links"),
        (sparse, "it has 3,145,729 bytes, and at most 3,145,728 are fetched"),
    ],
)
async def test_only_a_file_of_its_own_folder_is_read(
    tmp_path: Path, left: Callable[[Path], None], reason: str
) -> None:
    job = tmp_path / "job"
    job.mkdir()
    left(job / "out")
    async with LocalConnection() as connection, asyncio.timeout(5):
        with pytest.raises(FileUnfit, match=reason):
            await fetched(connection, PurePosixPath(job / "out"), job)


async def test_a_link_within_its_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "newest-17").write_bytes(b"a map")
    (tmp_path / "newest").symlink_to("newest-17")
    async with LocalConnection() as connection:
        assert await fetched(connection, PurePosixPath(tmp_path / "newest"), tmp_path) == b"a map"


async def test_a_file_that_grows_beyond_the_limit_is_cut_there(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"x" * LIMIT)
    async with LocalConnection() as connection:
        reading = connection.get(
            PurePosixPath(tmp_path / "log"), within=PurePosixPath(tmp_path), limit=LIMIT
        )
        await anext(reading)
        with (tmp_path / "log").open("ab") as file:
            file.write(b"more")
        with pytest.raises(FileUnfit, match="bytes, and at most"):
            async for _ in reading:
                pass


async def fetched(connection: LocalConnection, place: PurePosixPath, within: Path) -> bytes:
    chunks = connection.get(place, within=PurePosixPath(within), limit=LIMIT)
    return b"".join([chunk async for chunk in chunks])


async def pieces(*parts: bytes | None) -> AsyncIterator[bytes]:
    for part in parts:
        if part is None:
            raise ZeroDivisionError
        yield part
