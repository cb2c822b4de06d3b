"""The entry of `python -m portal.embedded`."""

import sys

from portal.embedded.cli import main

if __name__ == "__main__":
    sys.exit(main())
