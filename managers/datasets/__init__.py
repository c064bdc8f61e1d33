"""The Data Manager: knows every data set of an incident, and what replaced it."""

from managers.datasets.manager import DataSets, data_set_manager

__all__ = ["DataSets", "data_set_manager"]
