"""Decimal numbers to the nearest double: as Python's float(), by each of the three ways that a build may have."""

from __future__ import annotations

import random
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pymetrics import _config

pytestmark = pytest.mark.skipif(_config.native is None, reason="the C++ part is not there")

LEAST = sys.float_info.min  # of the normal doubles
HARD = """
0 -0 0.0 -0.0 0e0 0e999 1e0 1E+2 1e-2 1.5e3 -1.5E-3 123456789012345678 1234567890123456789
9007199254740993.0 9007199254740992.5 9007199254740991.5 9007199254740993e0 4503599627370496.5
4503599627370497.5 18014398509481985.0 1e22 1e23 8.5e22 1e-22 1e-23 0.1 0.2 0.3 0.30000000000000004
2.2250738585072011e-308 2.2250738585072014e-308 4.9e-324 5e-324 2.4703282292062327e-324
2.4703282292062328e-324 2.470328229206232720e-324 1e-320 1.7976931348623157e308
1.7976931348623158e308 0.9998764395713806 0.12345678901234567 0.012345678901234567
0.0012345678901234567 17976931348623157.0 6.02214076e23 3.14159265358979323846264338327950288
0.500000000000000166533453693773481063544750213623046875
0.50000000000000016653345369377348106354475021362304687
0.500000000000000166533453693773481063544750213623046876 1.00000000000000011102230246251565404
1.00000000000000011102230246251565405 1.0000000000000001110223024625156540423631668
9223372036854775807.0 9223372036854775808.5 9999999999999999999.0 1844674407370955161.5
0.0000000000000000001 0.000000000000000000000000000001 100000000.0 12345678.0 1234567.8 99999999
9999999.9 7.2057594037927933e16 0.9999999999999999 0.99999999999999994 0.99999999999999995
62.5364939768271845828 8.10109172351e-10 1.50000000000000011102
"""


@pytest.mark.parametrize("way", [0, 1, 2])
@pytest.mark.parametrize("text", HARD.split())
def test_hard_numbers(text, way):
    value = _config.native.read_number(text, way)
    if value is None:  # left to the library
        assert abs(float(text)) < LEAST or (way == 2 and len(text) >= 40)
        assert way == 2 or float(text) == 0
    else:
        expected = 0.0 if way == 0 and text == "-0" else float(text)  # an integer has no sign at zero
        assert np.float64(value).tobytes() == np.float64(expected).tobytes()


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(
        st.floats(allow_nan=False, allow_infinity=False).map(repr),
        st.floats(0, 1, width=32).map(lambda x: repr(float(x))),
        st.from_regex(r"-?(0|[1-9][0-9]{0,20})\.[0-9]{1,25}([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    )
)
def test_numbers(text):
    for way in (0, 1, 2):
        value = _config.native.read_number(text, way)
        if value is None:
            assert np.isinf(float(text)) or abs(float(text)) < LEAST or (way == 2 and len(text) >= 40)
        else:
            assert np.float64(value).tobytes() == np.float64(text).tobytes()


@pytest.mark.parametrize("n_digits", [16, 17, 18, 19])
def test_ties_and_their_neighbours(n_digits):
    """Decimals at and next to the middle of two doubles, of as many digits as are divided in integers."""
    rng = random.Random(n_digits)
    for _ in range(2000):
        exponent = rng.randrange(1, 40)
        value = rng.randrange(2**52, 2**53) * 2 + 1  # in units of half the last bit
        digits = str(value * 10**30 // 2**exponent)[:n_digits]
        places = rng.randrange(0, min(n_digits, 19))
        text = f"{digits[: n_digits - places]}.{digits[n_digits - places :]}"
        text += "0" if text.endswith(".") else ""
        for near in (text, text[:-1] + str((int(text[-1]) + 1) % 10)):
            assert _config.native.read_number(near, 0) == float(near), near


@pytest.mark.parametrize(
    "text",
    ["", "-", "+1", "01", "-01", "1.", ".5", "1.e5", "1e", "1e+", "1.5e-", "0x1", "1e999", "--1", "NaN", "1 ", "1_0"],
)
def test_what_is_no_finite_number(text):
    assert _config.native.read_number(text, 0) is None
