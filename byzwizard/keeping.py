"""What the Node page is told of the store."""

from byzwizard.backends import kept, store
from byzwizard.backends.system import System
from byzwizard.desk import Keeping


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
    )
