"""Generic mutants of a C++ file: one token or one statement changed, outside comments, strings and preprocessor lines.

They rely on clang-format: a binary operator stands between spaces, the brackets of a template do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mutants import Mutant

HIDDEN = re.compile(
    r"""//[^\n]* | /\*.*?\*/ | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])+'
    | ^[ ]*\#(?:[^\n]*\\\n)*[^\n]*
    | ^[ ]*static_assert[^;]*; | ^[ ]*(?:template|using|namespace)[^\n]*
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
TEMPLATE_ARGUMENTS = re.compile(r"(?<=\w)<[\w:, *&]*>")
BINARY = {
    "<": ("<=", ">="), "<=": ("<", ">"), ">": (">=", "<="), ">=": (">", "<"), "==": ("!=",), "!=": ("==",),
    "&&": ("||",), "||": ("&&",), "+": ("-",), "-": ("+",), "*": ("+",), "/": ("*",), "%": ("*",),
    "&": ("|",), "|": ("&",), "^": ("&",), "<<": (">>",), ">>": ("<<",),
    "+=": ("-=",), "-=": ("+=",), "*=": ("+=",), "|=": ("&=",), "&=": ("|=",), "<<=": (">>=",), ">>=": ("<<=",),
}  # fmt: skip
OPERATOR = re.compile(r"(?<= )(?:" + "|".join(map(re.escape, sorted(BINARY, key=len, reverse=True))) + r")(?=[ \n])")
NUMBER = re.compile(r"(?<![\w.'])\d+(?![\w.'])")
UNARY = re.compile(r"(?<=[ (,])[!~](?=[\w(])")
WORDS = {"true": "false", "false": "true", "break": "", "continue": "", "min": "max", "max": "min"}
WORD = re.compile(r"\b(?:" + "|".join(WORDS) + r")\b")
STATEMENT = re.compile(
    r"^ +(?:[\w.:\[\]()+>*-]+ [-+*|&^]?= [^;{}\n]*|[\w.:>-]+\([^;{}\n]*\)|(?:\+\+|--)\w+);$", re.MULTILINE
)


def blanked(source: str) -> str:
    """The source with spaces in place of what is not mutated; all places stay."""

    def spaces(match: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", match[0])

    text = HIDDEN.sub(spaces, source)
    while (shorter := TEMPLATE_ARGUMENTS.sub(spaces, text)) != text:
        text = shorter
    return text


def changes(code: str) -> Iterator[tuple[int, int, str]]:
    """Places in the code, and what may stand there instead."""
    for found in OPERATOR.finditer(code):
        yield from ((*found.span(), other) for other in BINARY[found[0]])
    for found in NUMBER.finditer(code):
        yield (*found.span(), str(int(found[0]) + 1))
        if int(found[0]):
            yield (*found.span(), str(int(found[0]) - 1))
    for found in UNARY.finditer(code):
        yield (*found.span(), "")
    for found in WORD.finditer(code):
        yield (*found.span(), WORDS[found[0]])
    for found in STATEMENT.finditer(code):
        yield (*found.span(), ";")


def cpp_mutants(source: str) -> Iterator[Mutant]:
    """All mutants of a file, some of which no compiler takes."""
    for start, stop, other in changes(blanked(source)):
        changed = source[:start] + other + source[stop:]
        line = source.count("\n", 0, start) + 1
        before, after = (text.splitlines()[line - 1].strip() for text in (source, changed))
        yield Mutant(line, before, after, changed)
