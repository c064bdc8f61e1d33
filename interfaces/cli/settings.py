"""`vestec settings`: everything that can be set, as the settings themselves explain it."""

from typing import Any

import typer

from deploy.settings import Settings
from deploy.urls import without_secrets
from interfaces.cli.options import AsJson, settings_of
from interfaces.cli.output import as_json, table

app = typer.Typer(add_completion=False)


@app.command()
def settings(ctx: typer.Context, json: AsJson = False) -> None:
    """Show all settings: values, defaults, variables, and what each is for.

    Passwords are shown as ***, also those inside of URLs.

    Example: VESTEC_PORT=8080 vestec settings

    Next: set a variable, then vestec up
    """
    now = settings_of(ctx)
    rows = [_row(name, field, getattr(now, name)) for name, field in Settings.model_fields.items()]
    if json:
        return as_json([dict(zip(_COLUMNS, row, strict=True)) for row in rows])
    return table(_COLUMNS, rows, "")


_COLUMNS = ("name", "variable", "value", "default", "what")


def _row(name: str, field: Any, value: object) -> tuple[str, ...]:
    variable = f"{Settings.model_config['env_prefix']}{name.upper()}"
    return name, variable, without_secrets(_text(value)), _text(field.default), field.description


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return "" if value is None else str(value)
