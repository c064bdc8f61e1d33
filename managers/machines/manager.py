"""The Machine Status Manager as the runtime takes it."""

from functools import partial

from events.values import Context
from managers.machines.decide import WhyWrong, decide, nobody_knows
from managers.machines.state import Fleet, evolve
from managers.portions import GoOn, at_once
from managers.runtime import Manager


def machine_manager(why_wrong: WhyWrong = nobody_knows) -> Manager[Fleet, object]:
    """The manager of the fleet; it has no hands, the Machine Interface reports to it.

    `why_wrong` knows what connections and dialects have to be told.
    """
    return Manager(
        context=Context.MACHINES,
        sources=(Context.SIMULATIONS, Context.OPERATIONS),
        state=Fleet,
        fold=8,
        decide=partial(decide, why_wrong),
        evolve=evolve,
        due=_due,
        clock=GoOn(),
    )


def _due(fleet: Fleet) -> float | None:
    return at_once(len(fleet.postponed)) if fleet.judging else None
