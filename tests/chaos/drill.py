"""An incident that does a little of everything in seconds, and ends by itself.

Every number that arrives becomes a simulation, its result a data set and a message to `count`,
which is how a message that was delivered twice would show.
"""

import json
import time

from pydantic import BaseModel

from workflows import Arrival, Incident, Workflow, minutes, seconds

PROGRAM = """
echo started >>"$WITNESS/${PWD##*/}"
sleep 0.8
echo "the square of $NUMBER is $((NUMBER * NUMBER))" >square.txt
"""

IDLE = 'echo started >>"$WITNESS/${PWD##*/}"; exec sleep 600'


class Witness(BaseModel):
    """A folder in which each program that starts leaves a line, in a file called like its token."""

    witness: str


class Counted(BaseModel):
    """How often each number was asked for and delivered; `numbers` are all that there will be."""

    asked: dict[str, int] = {}
    delivered: dict[str, int] = {}
    numbers: int | None = None
    ticks: int = 0


class Number(BaseModel):
    """A message."""

    number: int


Drill = Incident[Witness, Counted]
drill = Workflow("drill", version=1, title="Drill", parameters=Witness, state=Counted)


@drill.on_activate
async def start(incident: Drill) -> None:
    """Open two endpoints, and start a job that only the end of the incident will end."""
    witness = {"WITNESS": incident.parameters.witness}
    idle = await incident.simulations.create(
        "idle", IDLE, walltime=minutes(10), environment=witness
    )
    await incident.gather(
        incident.endpoints.push("readings", to=readings),
        incident.endpoints.push("finish", to=finish),
        incident.simulations.submit(idle),
    )


@drill.every(seconds(1))
async def tick(incident: Drill) -> None:
    """Keep the clock of the incident busy."""
    incident.state.ticks += 1


@drill.stage(lane="readings", debounce=(seconds(0.3), seconds(2)))
async def readings(incident: Drill, arrivals: list[Arrival]) -> None:
    """Ask for every number of a burst."""
    texts = [arrival.text() for arrival in arrivals]
    read = await incident.gather(*(incident.step(numbers_in, text) for text in texts))
    for number in (number for numbers in read for number in numbers):
        incident.state.asked[str(number)] = incident.state.asked.get(str(number), 0) + 1
        incident.send(square, Number(number=number))


def numbers_in(text: str) -> list[int]:
    """The numbers in a text, slowly."""
    time.sleep(0.05)
    return [int(word) for word in text.split()]


@drill.stage()
async def square(incident: Drill, wanted: Number) -> None:
    """One job, and a data set of its result."""
    done = await incident.simulations.run(
        "square",
        PROGRAM,
        inputs={"number.txt": str(wanted.number)},
        outputs=["square.txt"],
        walltime=minutes(2),
        attempts=20,
        environment={"WITNESS": incident.parameters.witness, "NUMBER": str(wanted.number)},
    )
    await incident.data.register(f"square-{wanted.number}.txt", done.outputs["square.txt"])
    incident.send(count, wanted)


@drill.stage(lane="count")
def count(incident: Drill, counted: Number) -> None:
    """A plain function: it runs in a thread."""
    delivered = incident.state.delivered
    delivered[str(counted.number)] = delivered.get(str(counted.number), 0) + 1
    _look_whether_it_is_over(incident)


@drill.stage(lane="count")
def finish(incident: Drill, arrival: Arrival) -> None:
    """No more numbers come than are said here."""
    incident.state.numbers = int(arrival.text())
    _look_whether_it_is_over(incident)


def _look_whether_it_is_over(incident: Drill) -> None:
    if len(incident.state.delivered) == incident.state.numbers:
        incident.send(close)


@drill.stage(lane="count")
async def close(incident: Drill) -> None:
    """Register what was counted, and end."""
    state = incident.state
    counted = {"asked": state.asked, "delivered": state.delivered}
    await incident.data.register("counted.json", json.dumps(counted, sort_keys=True).encode())
    incident.complete("all numbers were squared")


@drill.on_end
async def clean_up(incident: Drill) -> None:
    """Show that this runs, once."""
    incident.note("cleaned up")
