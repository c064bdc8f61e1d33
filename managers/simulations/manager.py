"""The Simulation Manager as the runtime takes it."""

from events.values import Context
from managers.runtime import Manager, nothing_due, nothing_to_resume, nothing_under_way
from managers.simulations.decide import decide
from managers.simulations.state import Simulations, evolve


def simulation_manager() -> Manager[Simulations, object]:
    """The manager of simulations; it has no hands, others act for it."""
    return Manager(
        context=Context.SIMULATIONS,
        sources=(Context.INCIDENTS, Context.MACHINES, Context.OPERATIONS),
        state=Simulations,
        fold=2,
        decide=decide,
        evolve=evolve,
        under_way=nothing_under_way,
        due=nothing_due,
        resume=nothing_to_resume,
    )
