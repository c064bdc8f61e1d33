"""The Simulation Manager as the runtime takes it."""

from events.values import Context
from managers.portions import GoOn, at_once
from managers.runtime import Manager
from managers.simulations.decide import decide
from managers.simulations.state import Simulations, evolve


def simulation_manager() -> Manager[Simulations, object]:
    """The manager of simulations; it has no hands, others act for it."""
    return Manager(
        context=Context.SIMULATIONS,
        sources=(Context.INCIDENTS, Context.MACHINES, Context.OPERATIONS),
        state=Simulations,
        fold=7,
        decide=decide,
        evolve=evolve,
        due=_due,
        clock=GoOn(),
    )


def _due(simulations: Simulations) -> float | None:
    return at_once(sum(one.awaits_cancellation for one in simulations.by_id.values()))
