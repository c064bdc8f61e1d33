"""Names and texts that try to be more than that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from events.jobs import JobRequest, JobState, Token
from interfaces.machines.scripts.layout import Layout, quoted
from interfaces.machines.scripts.wrapper import wrapper

if TYPE_CHECKING:
    from tests.interfaces.machines.conftest import ShellBench

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
NAMES = [
    "-rf", "a b", "it's", '"', "$(touch pwned)", "`touch pwned`", "a;touch pwned", "a&b", "*", "?",
    "~", "é中🔥", "deep/er/file", "\\n", "#", "!x", "a" * 200,
]  # fmt: skip


async def test_inputs_and_outputs_of_any_name(shell: ShellBench) -> None:
    request = shell.request("printf x >'new\nline'")
    await shell.system.prepare(request.token, {name: one(name.encode()) for name in NAMES})
    await shell.system.submit(request, 1)
    await shell.report(request.token, JobState.COMPLETED)
    for name in NAMES:
        content = [chunk async for chunk in shell.system.fetch(request.token, name, 1000)]
        assert content == [name.encode()]


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", ".vestec/claim", ".", ""])
async def test_names_that_leave_the_folder_are_refused(shell: ShellBench, name: str) -> None:
    request = shell.request("true")
    with pytest.raises(ValueError, match="a file's name"):
        await shell.system.prepare(request.token, {name: one(b"")})
    with pytest.raises(ValueError, match="a file's name"):
        shell.system.fetch(request.token, name, 1000)


@pytest.mark.parametrize("token", ["", "../x", "a b", "v;true", "-x", "V1", "v\n"])
async def test_only_tokens_name_folders(shell: ShellBench, token: str) -> None:
    with pytest.raises(ValueError, match="not a token"):
        await shell.system.prepare(Token(token), {})


@pytest.mark.parametrize("base", ["", "relative", "/with\0zero"])
def test_the_base_directory_is_absolute(base: str) -> None:
    with pytest.raises(ValueError, match="not an absolute path"):
        Layout(PurePosixPath(base))


@pytest.mark.parametrize(
    "wrong", [{"executable": "a\0b"}, {"environment": {"a b": ""}}, {"environment": {"A": "\0"}}]
)
def test_requests_hold_only_what_a_shell_can_be_told(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        JobRequest.model_validate({"token": "v1", "walltime": 1, "executable": "x", **wrong})


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXT, value=TEXT)
def test_programs_and_variables_of_any_text(shell: ShellBench, text: str, value: str) -> None:
    async def run() -> Path:
        request = shell.request(f'printf %s {quoted(text)} "$VALUE"').model_copy(
            update={"environment": {"VALUE": value}}
        )
        await shell.system.prepare(request.token, {})
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", wrapper(request, shell.layout, quoted("$(id) 7"))
        )
        assert await process.wait() == 0
        return shell.folder(request.token) / "stdout"

    assert asyncio.run(run()).read_bytes() == (text + value).encode()


async def one(chunk: bytes) -> AsyncIterator[bytes]:
    yield chunk
