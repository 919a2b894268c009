import contextlib
import os
import sys
from typing import NoReturn


def main() -> int:
    """A signal that arrives while the program is still being loaded ends it with the same status as a later one."""
    try:
        import signal

        signal.signal(signal.SIGTERM, signal.default_int_handler)
        from byzwizard import cli

        return cli.main()
    except KeyboardInterrupt:
        return 130


def run() -> NoReturn:
    """What the command `byzwizard` runs. It ends at once: taking apart what was loaded, object by object, is a
    twentieth of a short command, and every file has been closed or is whole by then."""
    status = main()
    with contextlib.suppress(OSError):  # the reader has gone
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    run()
