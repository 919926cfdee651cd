"""Pictures: the pixels of images, and what an evaluation says about the objects in them."""

from .draw import draw as draw
from .draw import draw_marks as draw_marks
from .marks import Mark as Mark
from .marks import Marks as Marks
from .pixels import Images as Images
from .pixels import images_of as images_of
