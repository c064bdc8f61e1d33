"""Wildfire: from a report and satellite passes to forecasts of where the fire may be.

The fire model is a program with documented files (`firespread/README.md`), run as a batch job in an
environment of its own; a site can bring another one that reads and writes the same files.
"""

from workflows.wildfire.workflow import wildfire

__all__ = ["wildfire"]
