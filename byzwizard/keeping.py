"""What the Node page is told of the store."""

from byzwizard.backends import kept, making, owndata, store
from byzwizard.backends.system import System
from byzwizard.desk import Keeping
from byzwizard.errors import Refused
from byzwizard.machine import Disk


def read(system: System) -> Keeping | None:
    """None where this node has no store."""
    found = store.known(system)
    if found is None:
        return None
    if not store.is_open(system):
        return Keeping(found.words, found.encrypted, open=False, kind=found.kind, disk=found.disk)
    disk = _disk(system, found)
    return Keeping(
        found.words,
        found.encrypted,
        open=True,
        kind=found.kind,
        disk=found.disk,
        fill=store.fill(system),
        sizes=kept.sizes(system),
        left_over=kept.left_over(system),
        erases=making.deleted(found, disk),
        seal=making.seal(found, disk),
    )


def _disk(system: System, found: store.Store) -> Disk | None:
    """What deleting it would take, as the verb asks: the disk that it is on, and what else is there."""
    try:
        return making.deletable(system, found)
    except Refused:
        return None


def weights(system: System) -> dict[str, int]:
    """Bytes that are there now of what may be kept, whether it is kept or not."""
    from byzwizard import catalogue

    found = {f"services.{one.name}": owndata.size(system, one)
             for one in catalogue.here().services.values() if one.data}  # fmt: skip
    for thing in kept.things(("home", "logs")):
        found[thing.name] = owndata.below(map(system.path, thing.folders))
    return {"services": sum(size for name, size in found.items() if name.startswith("services.")), **found}
