"""Machines and their batch systems: connections, dialects, and the port that drives both.

`batch` is the port; `shell` puts it on any dialect over any connection, `simulated` on a model.
`scripts` are what runs and lies on a machine in our name. What is decided about jobs is not here
but in `managers.operations`; `work` does it.
"""
