import json
import warnings
from pathlib import Path

from pymetrics.demo.pictures import write_pictures

warnings.filterwarnings("ignore", "YOLO does not hold 8 crowds")  # the page prints what is lost
if not Path("sample/images").exists():  # as pymetrics demo draws them
    write_pictures(Path("sample/images"), json.loads(Path("sample/gt.json").read_text()))
