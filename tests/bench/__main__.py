"""`make bench`: every figure with its limit; 1 when one is over it."""

import sys

from tests.bench import clashes, clone, crowded, directory, node, routing, services, wizard


def main() -> int:
    over = False
    for room in (clashes, wizard, crowded, directory, routing, services, node, clone):
        for figure in room.measure():
            print(figure.line(), flush=True)
            over |= figure.value > figure.limit
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
