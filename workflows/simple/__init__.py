"""The smallest useful workflow: what arrives becomes a data set, and one word ends the incident."""

from workflows.simple.workflow import simple

__all__ = ["simple"]
