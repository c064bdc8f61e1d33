"""A workflow: its stages, its parameters, its state. Decorators register stages."""

import inspect
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, get_type_hints, overload

from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError
from typing_extensions import TypeVar

from events.prose import describe
from events.values import require_json
from managers.incidents import Debounce, Retry, StagePlan, WorkflowPlan
from workflows.arrivals import Arrival
from workflows.incident import Incident

Returned = Awaitable[None] | None
"""A stage is an `async def`, or a plain `def` that runs in a thread."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

__all__ = ["NoParameters", "NoState", "Retry", "Stage", "Workflow"]


class NoParameters(BaseModel):
    """A workflow that asks nothing of whoever creates an incident."""


class NoState(BaseModel):
    """A workflow whose stages keep nothing for each other."""


P = TypeVar("P", bound=BaseModel, default=NoParameters)
S = TypeVar("S", bound=BaseModel, default=NoState)
M = TypeVar("M", default=None)


@dataclass(frozen=True)
class Stage(Generic[P, S, M]):
    """A stage of a workflow: what `send` takes, together with a message of type `M`."""

    kind: str
    """Of its workflow."""
    function: Callable[..., Returned]
    plan: StagePlan
    aliases: tuple[str, ...]
    timeout: timedelta | None
    message: TypeAdapter[Any] | None
    """None: it takes no message."""
    takes_list: bool = False
    """Of arrivals: all that a burst gathered, not only the newest."""

    @property
    def name(self) -> str:
        return self.plan.name

    def written(self, message: M) -> JsonValue:
        """A message for it as JSON; raises `pydantic.ValidationError` for what it does not take."""
        if self.message is None:
            return None
        value: JsonValue = self.message.dump_python(
            self.message.validate_python(message), mode="json"
        )
        return value


class Workflow(Generic[P, S]):
    """Stages under a kind; `version` grows with changes that running incidents should notice."""

    def __init__(
        self,
        kind: str,
        *,
        version: int,
        title: str,
        parameters: type[P] = NoParameters,  # type: ignore[assignment]
        state: type[S] = NoState,  # type: ignore[assignment]
    ) -> None:
        self.kind, self.version, self.title = kind, version, title
        self.parameters, self.state = parameters, state
        self.stages: dict[str, Stage[P, S, Any]] = {}
        self._on_activate: str | None = None
        self._on_end: str | None = None

    def on_activate(self, function: Callable[[Incident[P, S]], Returned]) -> Stage[P, S, None]:
        """The stage that runs when an incident is activated."""
        self._on_activate = function.__name__
        return self._register(function, StagePlan(function.__name__))

    def on_end(self, function: Callable[[Incident[P, S]], Returned]) -> Stage[P, S, None]:
        """The stage that cleans up, after completion and after cancellation."""
        self._on_end = function.__name__
        return self._register(function, StagePlan(function.__name__))

    def every(
        self,
        period: timedelta,
        *,
        lane: str | None = None,
        retry: Retry = Retry(),
        timeout: timedelta | None = None,
    ) -> Callable[[Callable[[Incident[P, S]], Returned]], Stage[P, S, None]]:
        """A stage that runs on a period as long as the incident is active.

        Raises `ValueError` for a period that is not longer than nothing.
        """

        def register(function: Callable[[Incident[P, S]], Returned]) -> Stage[P, S, None]:
            name, seconds = function.__name__, period.total_seconds()
            if seconds <= 0:
                raise ValueError(f"the stage {name} cannot run every {seconds:g} s")
            plan = StagePlan(name, lane or name, retry=retry, every=seconds)
            return self._register(function, plan, timeout)

        return register

    def stage(
        self,
        *,
        lane: str | None = None,
        exclusive: bool = False,
        latest: bool = False,
        debounce: tuple[timedelta, timedelta] | None = None,
        retry: Retry = Retry(),
        timeout: timedelta | None = None,
        name: str | None = None,
        aliases: tuple[str, ...] = (),
    ) -> "_Registrar[P, S]":
        """A stage. `lane`: one at a time among its stages, in order of arrival.

        `exclusive`: a lane of its own. `latest`: a newer message cancels the older run, and takes
        the place of a failed one. `debounce`: arrivals are gathered until it was quiet for the
        first duration, at most for the second. `timeout` counts running, not waiting. It is logged
        as `name` (the function's), and answers to `aliases`, its older names.
        """
        return _Registrar(self, lane, exclusive, latest, debounce, retry, timeout, name, aliases)

    @property
    def plan(self) -> WorkflowPlan:
        """What the Workflow Manager has to know."""
        return WorkflowPlan(
            kind=self.kind,
            version=self.version,
            stages={name: stage.plan for name, stage in self.stages.items()},
            check=self._check,
            on_activate=self._on_activate,
            on_end=self._on_end,
        )

    def _check(self, parameters: dict[str, JsonValue]) -> dict[str, JsonValue]:
        self._refuse_unknown(parameters)
        try:
            checked = self.parameters.model_validate(parameters).model_dump(mode="json")
        except ValidationError as error:
            raise ValueError(describe(error)) from error
        require_json(checked)
        return checked

    def _refuse_unknown(self, parameters: Iterable[str]) -> None:
        """A misspelt name would leave the default in force, and nobody would notice."""
        if "extra" in self.parameters.model_config:
            return
        fields = self.parameters.model_fields
        known = [field.alias or name for name, field in fields.items()]
        if unknown := [name for name in parameters if name not in known]:
            has = f"has {', '.join(known)}" if known else "has none"
            raise ValueError(f"there is no parameter {', '.join(unknown)}; {self.kind} {has}")

    def _register(
        self,
        function: Callable[..., Returned],
        plan: StagePlan,
        timeout: timedelta | None = None,
        aliases: tuple[str, ...] = (),
    ) -> Stage[P, S, Any]:
        hint = _message_hint(function)
        stage = Stage[P, S, Any](
            self.kind,
            function,
            plan,
            aliases,
            timeout,
            None if hint is None else TypeAdapter(hint),
            hint == list[Arrival],
        )
        for name in (plan.name, *aliases):
            if not _NAME.fullmatch(name):
                raise ValueError(
                    f"a stage cannot be called {name!r}: its name is up to 100 letters, digits,"
                    f" dots, dashes and underscores, and begins with a letter or digit"
                )
            if name in self.stages:
                raise ValueError(f"workflow {self.kind} has two stages called {name}")
            self.stages[name] = stage
        return stage


@dataclass(frozen=True)
class _Registrar(Generic[P, S]):
    """What `@workflow.stage(...)` calls with the function."""

    workflow: Workflow[P, S]
    lane: str | None
    exclusive: bool
    latest: bool
    debounce: tuple[timedelta, timedelta] | None
    retry: Retry
    timeout: timedelta | None
    name: str | None
    aliases: tuple[str, ...]

    @overload
    def __call__(self, function: Callable[[Incident[P, S]], Returned]) -> Stage[P, S, None]: ...

    @overload
    def __call__(self, function: Callable[[Incident[P, S], M], Returned]) -> Stage[P, S, M]: ...

    def __call__(self, function: Callable[..., Returned]) -> Stage[P, S, Any]:
        name = self.name or function.__name__
        plan = StagePlan(
            name,
            lane=name if self.exclusive else self.lane,
            latest=self.latest,
            debounce=self.debounce
            and Debounce(*(duration.total_seconds() for duration in self.debounce)),
            retry=self.retry,
        )
        return self.workflow._register(function, plan, self.timeout, self.aliases)


def _message_hint(function: Callable[..., Returned]) -> Any:
    """The type of a stage's message, None if it takes none."""
    names = list(inspect.signature(function).parameters)
    if len(names) < 2:
        return None
    hints = get_type_hints(function)
    if names[1] not in hints:
        raise TypeError(f"stage {function.__name__}: give its message {names[1]!r} a type")
    return hints[names[1]]
