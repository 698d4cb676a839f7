"""The command: ``python -m triosanic.testing.simulation MODULE:NAME --seeds 100000``."""

import sys

from triosanic.testing.simulation.command import main

sys.exit(main())
