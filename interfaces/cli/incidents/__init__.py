"""`vestec incidents`: disasters, from their creation to the archive."""

from interfaces.cli.incidents.group import app

__all__ = ["app"]
