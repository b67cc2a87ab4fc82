"""The start of the command `sccodec`, which is `python -m sccodec` too."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line; Control-C while it is still being imported is one line, like later on."""
    try:
        from sccodec.cli import main as run

        run()
    except KeyboardInterrupt:
        print("sccodec: error: interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
