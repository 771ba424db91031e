"""``python -m hearing_server`` is the command ``hearing``."""

import sys

from .cli import main

sys.exit(main())
