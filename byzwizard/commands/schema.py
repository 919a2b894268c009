"""`byzwizard schema`: the JSON Schema (draft 2020-12) of the answers file, for editors that check while one types."""

import argparse
import json

from byzwizard.answers_schema import schema
from byzwizard.commands import Context


def arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none: the schema is the same for every node."""
    del parser


def run(context: Context) -> int:
    del context  # JSON is all that it prints, with --json or without
    print(json.dumps(schema(), indent=2, ensure_ascii=False))
    return 0
