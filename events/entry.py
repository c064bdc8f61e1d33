"""What is checked where somebody asks for something, and never of what a log holds already.

So what was taken once may be refused from then on, and every log stays readable. Such a check
stands beside the field that it is about, and counts in `said` and `entered` only.
"""

import re
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationInfo,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError, core_schema

M = TypeVar("M", bound=BaseModel)

_ENTRY = object()


def said(model: type[M], values: object) -> M:
    """What somebody asks for; raises `pydantic.ValidationError`, for unknown fields, too."""
    return model.model_validate(values, extra="forbid", context=_ENTRY)


def entered(value: M) -> M:
    """What was made of it, if it may be asked for; raises `pydantic.ValidationError`."""
    return said(type(value), value.model_dump())


def is_entry(info: ValidationInfo) -> bool:
    """Whether it is being asked for: the condition of all such checks."""
    return info.context is _ENTRY


@dataclass(frozen=True)
class AtMost:
    """A number that is asked for is at most this."""

    most: int

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.with_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "maximum": self.most}

    def _checked(self, value: float, info: ValidationInfo) -> float:
        if is_entry(info) and value > self.most:
            raise PydanticKnownError("less_than_equal", {"le": self.most})
        return value


def made_of(what: str, pattern: str) -> AfterValidator:
    """A word that is asked for is made of `what`, and so matches the pattern."""

    def checked(value: str, info: ValidationInfo) -> str:
        if value and is_entry(info) and not re.fullmatch(pattern, value):
            sentence = "it is made of {what}, and does not begin with - or a blank"
            raise PydanticCustomError("made_of", sentence, {"what": what})
        return value

    return AfterValidator(checked)
