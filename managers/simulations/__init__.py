"""The Simulation Manager: creates, places, submits, follows, groups and cancels simulations.

It owns a simulation's life; what happens on the machine is the Machine Interface's (`operations`).
"""

from managers.simulations.manager import simulation_manager
from managers.simulations.state import Simulation, Simulations

__all__ = ["Simulation", "Simulations", "simulation_manager"]
