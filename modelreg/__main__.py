"""`python -m modelreg` and the console script."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Run the command line and exit with its status."""
    # Start-up makes many objects and drops few: a tenth of its time would go to collections that find nothing.
    # Commands that run for long, and batches, switch them on again.
    gc.disable()
    from modelreg.cli.app import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
