"""What dialects and connections promise, as tests for `pytest`: ours, and those of other packages.

    class TestMine(DialectContract):
        tools = {"mysubmit": "echo 42", "mycancel": ""}
        queue = {"myqueue": "echo 42 vabcdefghijklm running"}
        accounts = {"myhistory": "echo 42 vabcdefghijklm failed 3"}
        job_id = "42"
        native = "--colour=red"
        unsupported = ("reservation",)
        variables = {"MY_JOB_ID": "42"}
        array = ({"MY_JOB_ID": "42", "MY_INDEX": "0"}, {"MY_JOB_ID": "43", "MY_INDEX": "1"})

        def dialect(self, layout: Layout) -> Dialect:
            return Mine(layout)

Scripts are run by a real `/bin/sh`, with tools on its `PATH` that write down how they were called.

    class TestWay(ConnectionContract):
        def connection(self, sessions: int = 8) -> Connection:
            return MyConnection("localhost", sessions)
"""

from interfaces.machines.testing.connections import ConnectionContract
from interfaces.machines.testing.dialects import HOSTILE, DialectContract
from interfaces.machines.testing.fake_machine import FakeMachine
from interfaces.machines.testing.given import TOKEN

__all__ = ["HOSTILE", "TOKEN", "ConnectionContract", "DialectContract", "FakeMachine"]
