"""How long tests wait for what comes."""

PATIENCE = 180.0
"""Seconds. What comes ends the waiting, so that only what never comes takes so long: machines may
be busy with much else."""
