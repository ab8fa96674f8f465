"""See `tests.generated.hunt`."""

import sys

from tests.generated.hunt import main

if __name__ == "__main__":
    sys.exit(main())
