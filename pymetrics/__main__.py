"""python -m pymetrics is the command pymetrics."""

import sys

from .cli import main

sys.exit(main())
