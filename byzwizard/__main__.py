import sys


def main() -> int:
    """What the command `byzwizard` runs. A signal that arrives while the program is still being loaded ends it with
    the same status as a later one."""
    try:
        import signal

        signal.signal(signal.SIGTERM, signal.default_int_handler)
        from byzwizard import cli

        return cli.main()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
