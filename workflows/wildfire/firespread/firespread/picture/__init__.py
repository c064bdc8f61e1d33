"""The pictures of a forecast, for a duty officer (the only part that needs matplotlib)."""

from .draw import draw

__all__ = ["draw"]
