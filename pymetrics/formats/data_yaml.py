"""data.yaml of YOLO data sets: the few forms of YAML that such files have, read without a library."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

KEY = re.compile(r"""(?P<key>"[^"]*"|'[^']*'|[^\s:#'"\[{][^:#]*?)\s*:(?:\s+(?P<value>.*))?$""")
SPLITS = ("train", "val", "test", "minival")


class _Line(NamedTuple):
    number: int
    indent: int
    text: str


def read_yaml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The top-level keys of a data.yaml: numbers, text, and lists or maps of them, in a line or in lines of their own.

    What is nested deeper, or folded over lines (`download: |`), is left out.

    Raises:
        OSError: the file cannot be read.
        ValueError: a line is none of these; the message names it.
    """
    content, name = Path(path).read_bytes(), os.fspath(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name!r} is not UTF-8: {error}") from error
    lines = [
        _Line(number, len(line) - len(line.lstrip(" ")), line.strip())
        for number, line in enumerate(map(_without_comment, text.splitlines()), 1)
        if line.strip() and line.strip() not in ("---", "...")
    ]
    found: dict[str, Any] = {}
    at = 0
    while at < len(lines):
        line = lines[at]
        pair = KEY.match(line.text)
        if line.indent or pair is None:
            raise ValueError(f"{name!r}, line {line.number}: must be KEY: VALUE, got {_shown(line.text)}")
        end = at + 1
        while end < len(lines) and (lines[end].indent or lines[end].text.startswith(("- ", "]", "}"))):
            end += 1
        key, value = str(_scalar(pair["key"])), (pair["value"] or "").strip()
        found[key] = _value(value, lines[at + 1 : end], f"{name!r}, line {line.number}: {key}")
        at = end
    return found


def names_of(content: dict[str, Any], path: str | os.PathLike[str]) -> dict[int, str]:
    """The names of categories by number. Raises ValueError where `names` is no list or map, or does not fit `nc`."""
    names, place = content.get("names"), f"{os.fspath(path)!r}: names"
    if names is None:
        return {}
    if isinstance(names, list):
        found = dict(enumerate(map(str, names)))
    elif isinstance(names, dict):
        wrong = next((key for key in names if type(key) is not int or key < 0), None)
        if wrong is not None:
            raise ValueError(f"{place} must have whole numbers as keys, got {wrong!r}")
        found = {key: str(names[key]) for key in sorted(names)}
    else:
        raise ValueError(f"{place} must be a list or a map, got {names!r}")
    n = content.get("nc")
    if type(n) is int and n != len(found):
        raise ValueError(f"{place} holds {len(found)} names, but nc is {n}")
    return found


def _value(value: str, below: list[_Line], place: str) -> Any:
    if value[:1] in ("|", ">"):
        return None
    if value[:1] in ("[", "{"):
        text = " ".join([value, *(line.text for line in below)])
        return _flow(text, place)
    if value:
        return _scalar(value)
    if not below:
        return None
    lowest = min(line.indent for line in below)
    own = [line for line in below if line.indent == lowest]
    if all(line.text.startswith("- ") or line.text == "-" for line in own):
        return [_scalar(line.text[1:].strip()) for line in own]
    found: dict[Any, Any] = {}
    for line in own:
        pair = KEY.match(line.text)
        if pair is None:
            raise ValueError(f"{place}: line {line.number} must be KEY: VALUE or - VALUE, got {_shown(line.text)}")
        found[_scalar(pair["key"])] = _scalar((pair["value"] or "").strip())
    return found


def _flow(text: str, place: str) -> Any:
    """A list [a, b] or a map {0: a, 1: b}."""
    close = {"[": "]", "{": "}"}[text[0]]
    if not text.endswith(close):
        raise ValueError(f"{place} must end in {close!r}, got {_shown(text)}")
    items = [item for item in _split(text[1:-1], ",", place) if item]
    if text[0] == "[":
        return [_scalar(item) for item in items]
    found: dict[Any, Any] = {}
    for item in items:
        key, *rest = _split(item, ":", place)
        if len(rest) != 1:
            raise ValueError(f"{place} must hold KEY: VALUE, got {_shown(item)}")
        found[_scalar(key)] = _scalar(rest[0])
    return found


def _split(text: str, at: str, place: str) -> list[str]:
    """The parts between separators that stand outside of quotes."""
    parts, quote, part = [], "", ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'" and not part.strip():
            quote = letter
        elif letter in "[{":
            raise ValueError(f"{place} must hold plain values, got {_shown(text)}")
        elif letter == at:
            parts.append(part.strip())
            part = ""
            continue
        part += letter
    return [*parts, part.strip()]


def _scalar(text: str) -> Any:
    text = text.strip()
    if text[:1] == '"' and text[-1:] == '"' and len(text) > 1:
        try:
            return str(ast.literal_eval(text))
        except (ValueError, SyntaxError):
            return text[1:-1]
    if text[:1] == "'" and text[-1:] == "'" and len(text) > 1:
        return text[1:-1].replace("''", "'")
    if re.fullmatch(r"[-+]?\d{1,18}", text):
        return int(text)
    return None if text in ("", "~", "null") else text


def _without_comment(line: str) -> str:
    """The line up to a # that begins a comment: at its begin or behind a space, and outside of quotes."""
    quote = ""
    for i, letter in enumerate(line):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'" and (i == 0 or line[i - 1] in " [{,:-"):
            quote = letter
        elif letter == "#" and (i == 0 or line[i - 1].isspace()):
            return line[:i].rstrip()
    return line.rstrip()


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
