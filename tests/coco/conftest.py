"""pycocotools' classes, for comparison."""

import pytest


@pytest.fixture
def rival(need):
    """pycocotools' COCO and COCOeval."""
    return need("pycocotools.coco").COCO, need("pycocotools.cocoeval").COCOeval
