"""`vestec demo wildfire`: the main job on real data, from a fire report to forecast maps."""

from interfaces.cli.demo.command import app

__all__ = ["app"]
