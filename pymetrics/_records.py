"""Frozen dataclasses that are quick to define.

`dataclass` compiles methods for every class, half a millisecond each: with twenty classes, most of the time of the
first evaluation of a process. The methods here are the same functions for all classes.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_: Any) -> Any:
        return lambda function: function


T = TypeVar("T")


@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(dataclasses.field,))
def record(cls: type[T]) -> type[T]:
    """As dataclass(frozen=True, eq=False, repr=False): `replace`, `fields`, defaults and __post_init__ work."""
    made: Any = dataclasses.dataclass(init=False, repr=False, eq=False)(cls)
    made.__setattr__ = made.__delattr__ = _refuse
    made.__init__ = _init
    made.__signature__ = _Signature()
    fields = dataclasses.fields(made)
    made.__record__ = (
        tuple(field.name for field in fields),
        {field.name: field.default for field in fields if field.default is not dataclasses.MISSING},
        {field.name: field.default_factory for field in fields if field.default_factory is not dataclasses.MISSING},
    )
    return made  # type: ignore[no-any-return]


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def value_record(cls: type[T]) -> type[T]:
    """As dataclass(frozen=True): a record that is equal to another of the same values, and can be hashed."""
    made: Any = record(cls)
    made.__eq__, made.__hash__, made.__repr__ = _equal, _hash, _repr
    return made  # type: ignore[no-any-return]


class _Signature:
    """The signature of a record's __init__, made when help() or an editor asks for it."""

    def __get__(self, record: Any, of: type) -> Any:
        from inspect import Parameter, Signature

        def default(field: Any) -> Any:
            is_made = field.default_factory is not dataclasses.MISSING
            return field.default_factory() if is_made else field.default

        return Signature([
            Parameter(
                field.name, Parameter.POSITIONAL_OR_KEYWORD, annotation=field.type,
                default=Parameter.empty if (value := default(field)) is dataclasses.MISSING else value,
            )
            for field in dataclasses.fields(of)
        ])  # fmt: skip


def _equal(self: Any, other: Any) -> Any:
    return _values(self) == _values(other) if type(self) is type(other) else NotImplemented


def _hash(self: Any) -> int:
    return hash(_values(self))


def _values(self: Any) -> tuple[Any, ...]:
    return tuple(getattr(self, field.name) for field in dataclasses.fields(self))


def _repr(self: Any) -> str:
    values = (f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self))
    return f"{type(self).__qualname__}({', '.join(values)})"


def _init(self: Any, *args: Any, **named: Any) -> None:
    names, defaults, factories = type(self).__record__
    values = vars(self)
    values.update(defaults)
    values.update(zip(names, args, strict=False))
    values.update(named)
    for name in factories:
        if name not in values:
            values[name] = factories[name]()
    if len(values) != len(names) or len(args) > len(names) or not named.keys().isdisjoint(names[: len(args)]):
        raise TypeError(
            f"{type(self).__name__}({', '.join(names)}) got {len(args)} values and {', '.join(named) or 'no names'}"
        )
    if hasattr(self, "__post_init__"):
        self.__post_init__()


def _refuse(self: Any, name: str, value: Any = None) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot change {name!r} of {type(self).__name__}")
