"""What the Node page is told of the store."""

from byzwizard.backends import kept, making, store
from byzwizard.backends.system import System
from byzwizard.desk import Keeping
from byzwizard.errors import Refused


def read(system: System) -> Keeping | None:
    """None where this node has no store."""
    found = store.known(system)
    if found is None:
        return None
    if not store.is_open(system):
        return Keeping(found.words, found.encrypted, open=False)
    return Keeping(
        found.words,
        found.encrypted,
        open=True,
        fill=store.fill(system),
        sizes=kept.sizes(system),
        left_over=kept.left_over(system),
        erases=_erases(system, found),
    )


def _erases(system: System, found: store.Store) -> str:
    """What deleting it would take, as the verb asks: with the disk that it is on, and what else is there."""
    try:
        return making.deleted(found, making.deletable(system, found))
    except Refused:
        return making.deleted(found, None)
