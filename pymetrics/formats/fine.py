"""Numbers in parts of an image that have more digits than a float64 holds, so that pixels come back to the last bit."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LONG = 22  # characters of a number: a longer one has more than 17 digits
LAST = Decimal(1).scaleb(-32)  # the last digit that is written
EXACT = Context(prec=80, rounding=ROUND_HALF_EVEN)
SPLIT = 2.0**27 + 1
MOST_EXPONENT = 40  # of what has more digits
MOST_PIXELS = 1e12  # of what is written with more digits


def low_part(text: str | bytes) -> float:
    """What is left of a decimal number behind the float64 nearest to it; 0 of one that is not long."""
    if len(text) <= LONG:
        return 0.0
    try:
        number = Decimal(text if isinstance(text, str) else text.decode())
        if number.is_finite() and abs(number.adjusted()) < MOST_EXPONENT:
            return float(EXACT.subtract(number, Decimal(float(number))))
    except (InvalidOperation, UnicodeDecodeError):
        pass  # a float that is no decimal, such as nan with a payload
    return 0.0


def to_pixels(
    values: NDArray[np.float64], low: NDArray[np.float64], layout: str, sizes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """x, y, width, height in pixels of boxes values + low, nearly always rounded once.

    values, low: float64 (N, 4), in parts of their images. layout: "cxcywh" or "xyxy". sizes: float64 (N, 2), height and
    width. The sums and products keep their errors (T. J. Dekker, 1971).
    """
    one, other, low_one, low_other, side = values[:, :2], values[:, 2:], low[:, :2], low[:, 2:], sizes[:, ::-1]
    if layout == "cxcywh":
        begin, error = _sum(one, -0.5 * other)
        error = error + (low_one - 0.5 * low_other)
        length, of_length = other, low_other
    else:
        begin, error = one, low_one
        length, of_length = _sum(other, -one)
        of_length = of_length + (low_other - low_one)
    return np.concatenate([_product(begin, error, side), _product(length, of_length, side)], axis=1)


def products(values: NDArray[np.float64], low: NDArray[np.float64], sides: NDArray[np.float64]) -> NDArray[np.float64]:
    """(values + low) * sides, rounded once; where low is 0, the product of floats. All of one shape."""
    found: NDArray[np.float64] = np.where(low == 0, values * sides, _product(values, low, sides))
    return found


def part_of(pixels: float, side: float) -> str:
    """A coordinate in parts of a side: a float where it comes back, else more digits."""
    part = pixels / side
    if part * side == pixels or abs(pixels) > MOST_PIXELS:
        return repr(part)
    return f"{_digits(Decimal(pixels), Decimal(side)):f}"


def _sum(a: Any, b: Any) -> tuple[Any, Any]:
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _product(a: Any, low: Any, b: Any) -> Any:
    product = a * b
    (a_high, a_low), (b_high, b_low) = _halves(a), _halves(b)
    error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    return product + (error + low * b)


def _halves(a: Any) -> tuple[Any, Any]:
    scaled = SPLIT * a
    high = scaled - (scaled - a)
    return high, a - high


def centred(box: Sequence[float], sides: tuple[float, float]) -> list[str]:
    """cx, cy, width, height in parts of an image that come back as this box x, y, width, height in pixels.

    sides: width and height of the image. Floats where these come back; else all four with more digits.
    """
    (cx, width), (cy, height) = _both(box, sides, _centre_and_length, is_centred=True)
    return [cx, cy, width, height]


def ends(box: Sequence[float], sides: tuple[float, float]) -> list[str]:
    """x1, x2, y1, y2, as centred."""
    x, y = _both(box, sides, _begin_and_end, is_centred=False)
    return [*x, *y]


def _both(box: Sequence[float], sides: tuple[float, float], digits: Any, is_centred: bool) -> list[tuple[str, str]]:
    axes = [(box[i], box[i + 2], sides[i]) for i in (0, 1)]
    floats = [_floats(*axis, is_centred) for axis in axes]
    if all(is_same for _, is_same in floats) or max(map(abs, box)) > MOST_PIXELS:
        return [pair for pair, _ in floats]
    return [digits(Decimal(begin), Decimal(length), Decimal(side)) for begin, length, side in axes]


def _floats(begin: float, length: float, side: float, is_centred: bool) -> tuple[tuple[str, str], bool]:
    """As floats, and whether to_xywh and scale make these pixels of them again."""
    if is_centred:
        one, other = (begin + length / 2) / side, length / side
        low, high = one - 0.5 * other, one + 0.5 * other
    else:
        one, other = low, high = begin / side, (begin + length) / side
    return (repr(one), repr(other)), low * side == begin and (high - low) * side == length


def _centre_and_length(begin: Decimal, length: Decimal, side: Decimal) -> tuple[str, str]:
    half = _digits(EXACT.divide(length, Decimal(2)), side)  # so that the begin comes back, which is centre - length / 2
    return f"{EXACT.add(_digits(begin, side), half):f}", f"{EXACT.add(half, half):f}"


def _begin_and_end(begin: Decimal, length: Decimal, side: Decimal) -> tuple[str, str]:
    first = _digits(begin, side)
    return f"{first:f}", f"{EXACT.add(first, _digits(length, side)):f}"


def _digits(pixels: Decimal, side: Decimal) -> Decimal:
    return EXACT.quantize(EXACT.divide(pixels, side), LAST)
