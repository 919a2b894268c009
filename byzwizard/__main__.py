import sys

from byzwizard.cli import main

if __name__ == "__main__":
    sys.exit(main())
