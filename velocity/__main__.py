"""python -m velocity: the command line."""

import sys

from velocity.py.cli import main

sys.exit(main())
