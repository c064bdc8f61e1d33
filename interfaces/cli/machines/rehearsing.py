"""A cluster that is served to rehearse on: how its model is made from the command's options."""

from pathlib import Path
from typing import Annotated

import typer

from events.machines import Queue
from interfaces.cli.ending import serve
from interfaces.cli.options import AsJson
from interfaces.machines.simulated.cluster import Cluster
from interfaces.machines.simulated.fates import Seeded

_QUEUES = (Queue(name="work", open=True), Queue(name="urgent", open=True))
_PRIORITIES = {"urgent": 1}
"""The queue's, and a QoS's of that name."""
_RUN = 20.0
"""Mean seconds until something befalls a job that something befalls."""


def simulate(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Its home directory; made if there is none.")
    ],
    dialect: Annotated[
        str, typer.Option(metavar="NAME", help="Whose commands its login node has.")
    ] = "slurm",
    seed: Annotated[int, typer.Option(help="Of the lots by which things happen.")] = 0,
    trouble: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="The chance of a job to be killed, to vanish, to be preempted, to get a slow"
            " answer to its submission or none; and of each minute that nothing answers in it.",
        ),
    ] = 0.05,
    nodes: Annotated[int, typer.Option(min=1, help="How many it has.")] = 4,
    wait: Annotated[
        float, typer.Option(min=0.001, help="Mean seconds of a job in the queue.")
    ] = 10.0,
    accounts_lag: Annotated[
        float, typer.Option(min=0, help="Seconds by which its accounts are late.")
    ] = 5.0,
    port: Annotated[int, typer.Option(help="On 127.0.0.1; 0: any that is free.")] = 0,
    json: AsJson = False,
) -> None:
    """Serve a cluster to rehearse on, until Ctrl-C: an SSH server with a batch system's commands.

    Its jobs really run, on this computer and as you; when they start, and what befalls them, is a
    model's, by lot from the seed. It prints how it is added as a machine. When it ends it kills its
    jobs and forgets them; a key in its folder lets in whoever can read it.

    Example: vestec machines simulate rehearsal --seed 7

    Next: vestec machines add NAME, as it says itself
    """
    from interfaces.cli.machines.serving import serve_cluster  # it takes time, here alone

    model = Cluster(slots=nodes, queues=_QUEUES, priorities=_PRIORITIES, accounts_lag=accounts_lag)
    oracle = Seeded(
        seed,
        wait=wait,
        run=_RUN,
        failure=trouble,
        lost_answer=trouble,
        slow_answer=trouble,
        vanishing=trouble,
        preemption=trouble,
        outage=trouble,
    )
    serve(serve_cluster(folder.absolute(), dialect, model, oracle, port=port, json=json))
