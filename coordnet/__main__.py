"""``python -m coordnet`` is the command line."""

import sys

from coordnet.cli import main

sys.exit(main())
