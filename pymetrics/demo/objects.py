"""How each category of the sample is drawn: flat shapes that reach all four sides of a box."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Color = tuple[int, int, int]
SKIN: Sequence[Color] = ((241, 206, 177), (224, 172, 135), (168, 115, 82), (115, 76, 55))
CLOTHES: Sequence[Color] = ((214, 92, 92), (76, 132, 196), (92, 160, 112), (232, 170, 76), (150, 110, 180))
CARS: Sequence[Color] = ((202, 68, 62), (58, 110, 176), (240, 240, 238), (66, 74, 86), (232, 178, 60), (72, 150, 132))
FRAMES: Sequence[Color] = ((196, 60, 70), (40, 110, 150), (56, 130, 84), (90, 70, 130))
COATS: Sequence[Color] = ((176, 124, 76), (120, 84, 58), (222, 190, 146), (92, 92, 96))
WOODS: Sequence[Color] = ((170, 116, 70), (128, 86, 56), (196, 150, 100), (96, 116, 128))
GLASSES: Sequence[Color] = ((62, 130, 92), (128, 78, 48), (80, 132, 176), (110, 150, 70))
DARK: Color = (52, 56, 66)
LYING = 1.1  # width in parts of the height, from which on people and bottles lie


class Pen:
    """Draws in parts of a box: x and y go from 0 to 1. A turned pen exchanges them, so that what stands lies."""

    def __init__(
        self, picture: Any, scale: float, box: Sequence[float] = (0.0, 0.0, 1.0, 1.0), turned: bool = False
    ) -> None:
        from PIL import ImageDraw

        self._picture, self._scale, self._box, self._turned = picture, scale, box, turned
        self._draw = ImageDraw.Draw(picture)
        self._x, self._y, self._width, self._height = (value * scale for value in box)

    @property
    def breadth(self) -> float:
        """The box's width in parts of its height."""
        return self._width / self._height

    def within(self, box: Sequence[float]) -> Pen:
        """A pen of the box x, y, width, height in pixels."""
        return Pen(self._picture, self._scale, box)

    def turned(self) -> Pen:
        """A pen of the same box for what lies."""
        return Pen(self._picture, self._scale, self._box, True)

    def _at(self, x: float, y: float) -> tuple[float, float]:
        x, y = (y, 1 - x) if self._turned else (x, y)
        return self._x + x * self._width, self._y + y * self._height

    def _rectangle(self, x0: float, y0: float, x1: float, y1: float) -> list[float]:
        (left, top), (right, bottom) = self._at(x0, y0), self._at(x1, y1)
        left, right, top, bottom = min(left, right), max(left, right), min(top, bottom), max(top, bottom)
        return [left, top, max(left, right - 1), max(top, bottom - 1)]

    def ellipse(self, x0: float, y0: float, x1: float, y1: float, color: Color) -> None:
        self._draw.ellipse(self._rectangle(x0, y0, x1, y1), fill=color)

    def ring(self, x0: float, y0: float, x1: float, y1: float, color: Color, width: float) -> None:
        self._draw.ellipse(self._rectangle(x0, y0, x1, y1), outline=color, width=self._thickness(width))

    def block(self, x0: float, y0: float, x1: float, y1: float, color: Color, radius: float = 0.0) -> None:
        """A rectangle with round corners; radius: in parts of its shorter side."""
        box = self._rectangle(x0, y0, x1, y1)
        shorter = min(box[2] - box[0], box[3] - box[1])
        self._draw.rounded_rectangle(box, radius=radius * shorter, fill=color)

    def polygon(self, points: Sequence[tuple[float, float]], color: Color) -> None:
        self._draw.polygon([self._at(x, y) for x, y in points], fill=color)

    def line(self, points: Sequence[tuple[float, float]], color: Color, width: float) -> None:
        """width: in parts of the box's shorter side."""
        self._draw.line([self._at(x, y) for x, y in points], fill=color, width=self._thickness(width), joint="curve")

    def _thickness(self, width: float) -> int:
        return max(1, round(width * min(self._width, self._height)))


def _shade(color: Color, factor: float) -> Color:
    red, green, blue = (max(0, min(255, round(value * factor))) for value in color)
    return red, green, blue


def person(pen: Pen, color: int) -> None:
    """Lies in a wide box."""
    pen = pen.turned() if pen.breadth > LYING else pen
    skin, shirt = SKIN[color % len(SKIN)], CLOTHES[color // 4 % len(CLOTHES)]
    trousers = _shade(CLOTHES[(color // 4 + 1) % len(CLOTHES)], 0.55)
    for x in (0.26, 0.53):  # legs and shoes
        pen.block(x, 0.55, x + 0.21, 0.97, trousers, 0.3)
        pen.block(x - 0.03, 0.93, x + 0.23, 1.0, DARK, 0.4)
    for side in (0, 1):  # arms and hands
        x = 0.0 if side == 0 else 0.84
        pen.block(x, 0.24, x + 0.16, 0.56, _shade(shirt, 0.88), 0.5)
        pen.ellipse(x, 0.52, x + 0.16, 0.61, skin)
    pen.block(0.1, 0.22, 0.9, 0.62, shirt, 0.25)
    pen.block(0.42, 0.16, 0.58, 0.26, _shade(skin, 0.9), 0.3)
    pen.ellipse(0.3, 0.0, 0.7, 0.2, (74, 54, 44))
    pen.ellipse(0.32, 0.035, 0.68, 0.21, skin)
    for x in (0.4, 0.55):
        pen.ellipse(x, 0.1, x + 0.05, 0.125, DARK)


def bicycle(pen: Pen, color: int) -> None:
    frame = FRAMES[color % len(FRAMES)]
    for x in (0.0, 0.56):
        pen.ring(x, 0.38, x + 0.44, 1.0, DARK, 0.05)
        pen.ellipse(x + 0.195, 0.65, x + 0.245, 0.73, DARK)
    hub, pedals, saddle, head = (0.22, 0.69), (0.46, 0.7), (0.36, 0.24), (0.7, 0.24)
    for points in ([hub, pedals, head, saddle, hub], [pedals, saddle], [(0.78, 0.69), head, (0.68, 0.06)]):
        pen.line(points, frame, 0.055)
    pen.line([(0.6, 0.03), (0.68, 0.03), (0.76, 0.1)], DARK, 0.05)
    pen.block(0.26, 0.14, 0.45, 0.22, DARK, 0.5)
    pen.block(0.6, 0.0, 0.68, 0.06, DARK, 0.4)
    pen.ellipse(0.41, 0.63, 0.51, 0.77, _shade(frame, 0.7))


def car(pen: Pen, color: int) -> None:
    """From the side; in a narrow box from the front."""
    body, glass = CARS[color % len(CARS)], (196, 222, 236)
    if pen.breadth < 1:
        _car_from_the_front(pen, body, glass)
        return
    pen.polygon([(0.14, 0.46), (0.3, 0.0), (0.68, 0.0), (0.86, 0.46)], _shade(body, 0.92))
    pen.polygon([(0.22, 0.42), (0.33, 0.09), (0.48, 0.09), (0.48, 0.42)], glass)
    pen.polygon([(0.53, 0.42), (0.53, 0.09), (0.65, 0.09), (0.78, 0.42)], glass)
    pen.block(0.0, 0.38, 1.0, 0.86, body, 0.35)
    pen.block(0.0, 0.66, 1.0, 0.74, _shade(body, 0.8))
    pen.ellipse(0.92, 0.46, 1.0, 0.6, (255, 240, 190))
    pen.ellipse(0.0, 0.46, 0.06, 0.58, (232, 110, 96))
    for x in (0.13, 0.65):
        pen.ellipse(x, 0.62, x + 0.22, 1.0, DARK)
        pen.ellipse(x + 0.06, 0.72, x + 0.16, 0.9, (206, 210, 216))


def _car_from_the_front(pen: Pen, body: Color, glass: Color) -> None:
    for x in (0.04, 0.74):
        pen.block(x, 0.78, x + 0.22, 1.0, DARK, 0.3)
    pen.polygon([(0.06, 0.48), (0.2, 0.0), (0.8, 0.0), (0.94, 0.48)], _shade(body, 0.92))
    pen.polygon([(0.16, 0.44), (0.26, 0.07), (0.74, 0.07), (0.84, 0.44)], glass)
    pen.block(0.0, 0.42, 1.0, 0.9, body, 0.25)
    for x in (0.06, 0.74):
        pen.ellipse(x, 0.52, x + 0.2, 0.66, (255, 240, 190))
    pen.block(0.3, 0.56, 0.7, 0.64, _shade(body, 0.7), 0.3)
    pen.block(0.3, 0.74, 0.7, 0.82, (246, 240, 224), 0.2)


def dog(pen: Pen, color: int) -> None:
    coat = COATS[color % len(COATS)]
    dark = _shade(coat, 0.75)
    pen.polygon([(0.0, 0.12), (0.07, 0.1), (0.22, 0.46), (0.12, 0.56)], dark)
    for x, shade in ((0.24, dark), (0.62, dark), (0.13, coat), (0.52, coat)):
        pen.block(x, 0.6, x + 0.13, 1.0, shade, 0.4)
    pen.block(0.08, 0.36, 0.72, 0.74, coat, 0.5)
    pen.polygon([(0.5, 0.46), (0.66, 0.2), (0.84, 0.36), (0.7, 0.66)], coat)
    pen.block(0.72, 0.18, 1.0, 0.42, _shade(coat, 1.12), 0.5)
    pen.ellipse(0.56, 0.02, 0.88, 0.44, coat)
    pen.ellipse(0.5, 0.0, 0.64, 0.36, dark)
    pen.ellipse(0.93, 0.2, 1.0, 0.29, DARK)
    pen.ellipse(0.74, 0.13, 0.79, 0.2, DARK)


def chair(pen: Pen, color: int) -> None:
    wood = WOODS[color % len(WOODS)]
    dark = _shade(wood, 0.78)
    for x in (0.16, 0.74):
        pen.block(x, 0.6, x + 0.1, 0.92, dark, 0.2)
    for x in (0.06, 0.84):
        pen.block(x, 0.0, x + 0.1, 0.6, wood, 0.3)
    for y in (0.04, 0.2, 0.36):
        pen.block(0.1, y, 0.9, y + 0.09, _shade(wood, 1.08), 0.3)
    for x in (0.0, 0.88):
        pen.block(x, 0.6, x + 0.12, 1.0, wood, 0.2)
    pen.block(0.0, 0.52, 1.0, 0.66, _shade(wood, 0.92), 0.4)


def bottle(pen: Pen, color: int) -> None:
    """Lies in a wide box."""
    pen = pen.turned() if pen.breadth > LYING else pen
    glass = GLASSES[color % len(GLASSES)]
    pen.polygon([(0.36, 0.24), (0.64, 0.24), (1.0, 0.46), (0.0, 0.46)], glass)
    pen.block(0.36, 0.05, 0.64, 0.3, glass)
    pen.block(0.33, 0.0, 0.67, 0.09, _shade(glass, 0.65), 0.3)
    pen.block(0.0, 0.4, 1.0, 1.0, glass, 0.2)
    pen.block(0.0, 0.54, 1.0, 0.84, (246, 240, 224))
    pen.block(0.2, 0.62, 0.8, 0.68, _shade(glass, 0.9))
    pen.block(0.2, 0.73, 0.6, 0.77, _shade(glass, 0.9))
    pen.block(0.1, 0.44, 0.2, 0.52, _shade(glass, 1.35), 0.4)


DRAWN: dict[str, Callable[[Pen, int], None]] = {
    "person": person, "bicycle": bicycle, "car": car, "dog": dog, "chair": chair, "bottle": bottle,
}  # fmt: skip
