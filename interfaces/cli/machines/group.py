"""Which commands there are, in the order in which the help lists them."""

import typer

from interfaces.cli.machines.describing import add, edit
from interfaces.cli.machines.estimating import estimate
from interfaces.cli.machines.importing import import_
from interfaces.cli.machines.listing import list_, show
from interfaces.cli.machines.looking import audit, check
from interfaces.cli.machines.rehearsing import simulate
from interfaces.cli.machines.steering import disable, drain, enable, login, remove

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Computers that simulations run on.\n\n"
    "Begin with: vestec machines add local --base-directory jobs --slots 2 --enable",
)

app.command("list")(list_)
app.command("import")(import_)
for _command in (
    show,
    add,
    edit,
    remove,
    drain,
    enable,
    disable,
    audit,
    check,
    estimate,
    login,
    simulate,
):
    app.command()(_command)
