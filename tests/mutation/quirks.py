"""For each quirk of docs/coco-quirks.md that lives in the engine, and for some other rules: wrong code near its mark.

Each row: the mark, what stands on its line or right after it (a regular expression), what replaces it. A row holds
wherever the mark stands; there must be such a place, and every mutant must be noticed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from helpers.marks import Edit, edits, sources

QUIRKS = [
    ("LAST_OF_EQUALS", r"<=", "<"),
    ("NAN_OVERLAP", r"\|= (.*) != \1", "|= False"),  # no cell is matched literally
    ("NAN_OVERLAP", r"if (\S+ \S+) < (\w+):", r"if not \1 >= \2:"),
    ("NAN_OVERLAP", r"(best, .* = )[^\]]*\]", r"\1best"),
    ("CROWD_UNION", r"area if crowd else area \+", "area +"),
    ("CROWD_UNION", r"elif flags & CROWD:", "elif False:"),
    ("CROWD_UNION", r" and not \S+ & CROWD:", ":"),
    ("MATCHED_OUTSIDE", r" & ~matched\[d, w\]", ""),
    ("CLOSED_AREAS", r"<", "<="),
    ("CLOSED_AREAS", r">", ">="),
    ("CLOSED_AREAS", r"if (\w+) < (.*) or \1 > (.*):", r"if not (\2 <= \1 <= \3):"),  # areas that are no numbers
    ("ID_ZERO", r"if not \S+ & ID_ZERO:", "if True:"),
    ("KEEPS_FREE", r"if not keeps_free:", "if True:"),
    ("THRESHOLD_CAP", r"min\((\w+), HIGHEST_THRESHOLD\)", r"\1"),
    ("NAN_SCORE_LAST", r"return ~np.uint64\(0\)", "return np.uint64(0)"),
    ("NAN_SCORE_LAST", r"if \(bits & ~SIGN\) > INFINITY:", "if bits > INFINITY and not bits & SIGN:"),  # negative NaN
    ("NAN_SCORE_LAST", r"if bits == SIGN:", "if False:"),  # zeros are equal
    ("FIRST_PRECISION", r" \+ EPSILON\b", ""),
    ("FIRST_PRECISION", r"2\.220446049250313e-16", "1e-16"),
    ("UNREACHED_RECALL", r"reached = reached and", "reached = top[m] >= 0 and"),
    ("NO_DETECTIONS", r"if positives == 0:", "if positives == 0 or n == 0:"),
    ("NO_DETECTIONS", r"= -1\.0", "= 0.0"),
    ("COUNTED_FIRST", r"if ignorable == 0:", "if False:"),
    ("COUNTED_FIRST", r"if m >= 0 and not m_ignored:", "if False:"),
    ("TAKEN_ONCE", r" & ~taken\[g, w\]", ""),
    ("TAKER_IGNORED", r"if ignorable == 1:", "if False:"),
    ("IGNORE_FLAG", r"\(CROWD \| IGNORE\)", "IGNORE"),
    ("IGNORE_FLAG", r"\(CROWD \| IGNORE\)", "CROWD"),
    ("ENVELOPE", r"if .* > .*:", "if False:"),
    ("SCORE_AT_ZERO", r"\S+ if need\[r\] == 0 else ", ""),
    ("LIMIT_BY_IMAGE", r"offsets\[c\]", "offsets[first_cell]"),
    ("PAIRWISE_SUM", r"pairwise_sum\((\S+)\)", r"\1.cumsum()[-1]"),
    ("IMAGE_ORDER", r"> keys", ">= keys"),
    ("EMPTY_AREAS", r"area > 0", "area >= 0"),
    ("EMPTY_AREAS", r"low < ann", "low <= ann"),
    ("LVIS_WITHOUT_CROWDS", r" & ~np\.uint8\(CROWD\)", ""),
    ("LVIS_WITHOUT_CROWDS", r"gt \| \{.*\} for", 'gt | {"iscrowd": gt.get("iscrowd", 0)} for'),
    ("NO_CATEGORIES", r"if not p\.use_cats:", "if False:"),
    ("NOT_LOOKED_FOR", r"~looked_for", "~(looked_for | True)"),
    ("NOT_LOOKED_FOR", r"c in looked_for\[image\]", "True"),
    ("NOT_EXHAUSTIVE", r"-np\.inf", "area"),
    ("LIMIT_OF_IMAGE", r"> limit", "> limit + 1"),
    ("LIMIT_OF_IMAGE", r"if counts", "if False and counts"),
]


def quirk_mutants(package: Path) -> Iterator[tuple[str, Edit]]:
    """The marks, and what makes the code wrong there."""
    files = sources(package, ".py")
    for mark, pattern, other in QUIRKS:
        found = list(edits(files, mark, pattern, other, "  #"))
        if not found:
            raise SystemExit(f"quirks.py is out of date: near no mark {mark} stands {pattern!r}")
        yield from ((mark, edit) for edit in found)
