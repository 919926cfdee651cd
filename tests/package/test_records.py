"""Records behave as frozen dataclasses do."""

import copy
import dataclasses
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from typing import Any, ClassVar

import pytest

from pymetrics._records import record, value_record


@value_record
class Value:
    """Three fields."""

    name: ClassVar[str] = "shared"
    a: Any
    b: Any = 2
    c: Any = field(default_factory=list)


@dataclass(frozen=True)
class Usual:
    """The same by the standard library."""

    name: ClassVar[str] = "shared"
    a: Any
    b: Any = 2
    c: Any = field(default_factory=list)


@record
class Plain:
    """Compared by identity."""

    a: Any
    b: Any = 0

    def __post_init__(self) -> None:
        if self.a is None:
            raise ValueError("a must not be None")


CALLS = [((1,), {}), ((1, 3), {}), ((1, 3, 4), {}), ((), {"a": 1}), ((1,), {"c": 5}), ((), {"c": 1, "b": 2, "a": 3})]


@pytest.mark.parametrize(("args", "named"), CALLS)
def test_values(args, named):
    ours, usual = Value(*args, **named), Usual(*args, **named)
    assert vars(ours) == vars(usual)
    assert repr(ours) == repr(usual).replace("Usual", "Value")
    assert ours == Value(*args, **named)
    assert ours != usual
    assert replace(ours, b="new") == Value(**(vars(ours) | {"b": "new"}))
    assert [each.name for each in fields(ours)] == ["a", "b", "c"]
    assert dataclasses.asdict(ours) == dataclasses.asdict(usual)
    for copied in (copy.copy(ours), copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        assert copied == ours


BAD_CALLS = [((), {}), ((1, 2, 3, 4), {}), ((1,), {"a": 1}), ((1,), {"d": 1}), ((), {"b": 1})]


@pytest.mark.parametrize(("args", "named"), BAD_CALLS)
def test_wrong_arguments(args, named):
    for cls in (Value, Usual):
        with pytest.raises(TypeError):
            cls(*args, **named)


def test_hashes():
    assert hash(Value(1, 2, 3)) == hash(Value(1, 2, 3))
    assert len({Value(1, 2, 3), Value(1, 2, 3), Value(1, 2, 4)}) == 2
    with pytest.raises(TypeError, match="unhashable"):
        hash(Value(1))


@pytest.mark.parametrize("cls", [Value, Plain])
def test_nothing_can_be_changed(cls):
    one = cls(1)
    for name in ("a", "other"):
        with pytest.raises(FrozenInstanceError):
            setattr(one, name, 5)
    with pytest.raises(FrozenInstanceError):
        del one.a
    assert one.a == 1


def test_identity():
    one = Plain(1)
    assert one == one
    assert one != Plain(1)
    assert len({one, Plain(1)}) == 2
    with pytest.raises(ValueError, match="a must not be None"):
        Plain(None)
    assert Value(1).c is not Value(1).c
