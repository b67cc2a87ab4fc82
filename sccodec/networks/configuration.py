"""The configuration of networks, a frozen dataclass, from what a model file says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Config = TypeVar("Config", bound="DataclassInstance")


def configured(kind: type[Config], values: Mapping[str, Any]) -> Config:
    """From values by name, of which JSON has made lists of tuples; names that the dataclass lacks are left out."""
    names = {f.name for f in fields(kind)}
    return kind(**{name: as_tuples(value) for name, value in values.items() if name in names})


def as_tuples(value: object) -> object:
    return tuple(map(as_tuples, value)) if isinstance(value, list) else value
