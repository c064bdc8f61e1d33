"""Which commands there are, in the order in which the help lists them."""

import typer

from interfaces.cli.incidents.asking import answer, questions
from interfaces.cli.incidents.creating import create
from interfaces.cli.incidents.history import graph, log
from interfaces.cli.incidents.listing import list_, show
from interfaces.cli.incidents.pushing import push
from interfaces.cli.incidents.steering import activate, archive, cancel, retry, urgency

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Disasters: create, steer and watch them.\n\n"
    "The life of one: create, activate, push data to it, show it and read its log, retry what"
    " failed, cancel it if its workflow does not complete it, archive.\n\n"
    "An id may be shortened to as much of it as is unique.\n\n"
    "Begin with: vestec incidents create wildfire 'Tubbs fire' --exercise",
)

app.command("list")(list_)
for _command in (
    create,
    show,
    activate,
    cancel,
    urgency,
    archive,
    retry,
    questions,
    answer,
    log,
    push,
    graph,
):
    app.command()(_command)
