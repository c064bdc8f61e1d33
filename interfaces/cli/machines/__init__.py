"""`vestec machines`: computers that simulations run on."""

from interfaces.cli.machines.group import app

__all__ = ["app"]
