"""What to read from a Result beyond its summary: functions over a Result, which also has them as methods."""

from .at import AtThreshold as AtThreshold
from .at import at as at
from .bootstrap import Bootstrap as Bootstrap
from .bootstrap import Interval as Interval
from .bootstrap import bootstrap as bootstrap
from .compare import Comparison as Comparison
from .compare import Pair as Pair
from .compare import compare as compare
from .confidence import BestThreshold as BestThreshold
from .confidence import Confidence as Confidence
from .confidence import ConfidenceCurve as ConfidenceCurve
from .confidence import best_threshold as best_threshold
from .confidence import confidence_of as confidence_of
from .confusion import Confusion as Confusion
from .confusion import confusion as confusion
from .images_needed import ImagesNeeded as ImagesNeeded
from .images_needed import images_needed as images_needed
from .miss_rate import MissRate as MissRate
from .miss_rate import MissRateCurve as MissRateCurve
from .miss_rate import miss_rate as miss_rate
from .per_image import per_image as per_image
