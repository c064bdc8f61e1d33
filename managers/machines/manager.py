"""The Machine Status Manager as the runtime takes it."""

from events.values import Context
from managers.machines.decide import decide
from managers.machines.state import Fleet, evolve
from managers.runtime import Manager


def machine_manager() -> Manager[Fleet, object]:
    """The manager of the fleet; it has no hands, the Machine Interface reports to it."""
    return Manager(
        context=Context.MACHINES,
        sources=(Context.SIMULATIONS, Context.OPERATIONS),
        state=Fleet,
        fold=7,
        decide=decide,
        evolve=evolve,
    )
