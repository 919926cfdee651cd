"""XML as a tree with line numbers. Entities are refused, so that a small document cannot become a large one."""

from __future__ import annotations

import os
from decimal import Context, Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from xml.parsers import expat

from .rows import place_of

EXACT = Context(prec=120)  # digits: sums and differences of usual numbers are exact
DEEPEST = 64  # elements within one another


class Element:
    """tag, attributes, line; text: that right behind the start tag, stripped; children: in the document's order."""

    __slots__ = ("attributes", "children", "line", "tag", "text")

    def __init__(self, tag: str, attributes: dict[str, str], line: int) -> None:
        self.tag, self.attributes, self.line = tag, attributes, line
        self.text, self.children = "", list[Element]()

    def find(self, tag: str) -> Element | None:
        """The first child of this tag."""
        return next((child for child in self.children if child.tag == tag), None)

    def all(self, tag: str) -> list[Element]:
        """All children of this tag."""
        return [child for child in self.children if child.tag == tag]

    def text_of(self, tag: str) -> str | None:
        """The text of the first child of this tag; None where there is none."""
        child = self.find(tag)
        return None if child is None else child.text


class _Refused(Exception):  # noqa: N818
    pass


def read_xml(path: str | os.PathLike[str], side: str) -> Element:
    """The root of an XML file. Nothing outside of the file is read.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no XML, declares entities, or nests too deep; the message names the line.
    """
    name, content = os.fspath(path), Path(path).read_bytes()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    root: list[Element] = []
    stack: list[Element] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        element = Element(tag, attributes, parser.CurrentLineNumber)
        (stack[-1].children if stack else root).append(element)
        stack.append(element)
        if len(stack) > DEEPEST:
            raise _Refused(f"nests more than {DEEPEST} elements")

    def end(_: str) -> None:
        element = stack.pop()
        element.text = element.text.strip()

    def data(text: str) -> None:
        if stack and not stack[-1].children:
            stack[-1].text += text

    def refuse(*_: Any) -> int:
        raise _Refused("declares entities, which are not read")

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, data
    parser.EntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = refuse
    try:
        parser.Parse(content, True)
    except _Refused as error:
        raise ValueError(f"{place_of(side, name, parser.CurrentLineNumber)}: {error}") from None
    except expat.ExpatError as error:
        raise ValueError(f"{place_of(side, name, error.lineno)}: is not XML: {expat.ErrorString(error.code)}") from None
    except (ValueError, LookupError) as error:  # an encoding that there is not
        raise ValueError(f"{place_of(side, name)}: is not XML: {error}") from None
    return root[0]


def number(text: str | None, place: str, what: str) -> Decimal:
    """A finite decimal number as it stands there. place, what: as errors begin, and what it is.

    Raises:
        ValueError: it is missing, or no finite number of a usual size.
    """
    if text is None:
        raise ValueError(f"{place}: {what} is missing")
    try:
        value = Decimal(text.strip())
        if value.is_finite() and -400 < value.adjusted() < 300 and len(text) < 400:
            return value
    except InvalidOperation:
        pass
    raise ValueError(f"{place}: {what} must be a finite number, got {text[:60]!r}")


def corners(values: list[Decimal]) -> list[float]:
    """x, y, width, height of x1, y1, x2, y2: subtracted as the decimals that stand there, then rounded once."""
    x1, y1, x2, y2 = values
    return [float(x1), float(y1), float(EXACT.subtract(x2, x1)), float(EXACT.subtract(y2, y1))]
