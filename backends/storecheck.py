"""The check of `status` about the store: open or locked, how full, and whether its stick is failing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from byzwizard.backends import store
from byzwizard.backends.checks import Check
from byzwizard.i18n import _
from byzwizard.places import FULL

if TYPE_CHECKING:
    from byzwizard.backends.system import System


def kept(system: System) -> Check | None:
    """None on a node without a store. A store that is locked or nearly full passes, with advice."""
    found = store.known(system)
    if found is None:
        return None
    if not store.is_open(system):
        return Check(
            "store",
            True,
            _("What this node keeps is locked ({store}).").format(store=found.words),
            _("`byzwizard persist unlock` opens it, or k on the Node page."),
        )
    if not store.writable(system):
        return Check(
            "store",
            False,
            _("Nothing is kept any more: the file system of {store} is broken, or its stick was pulled out.").format(
                store=found.words
            ),
            _("Pulled out: `byzwizard persist lock`, plug it in, `byzwizard persist unlock`. If not, the stick is "
              "probably failing: copy what can be read, and use another one."),
        )
    fill = store.fill(system)
    text = _("Kept on {store}: {how}, {percent} % full.").format(
        store=found.words, how=found.how, percent=round(100 * fill)
    )
    if found.stopped:
        return Check(
            "store",
            True,
            text,
            _("Stopped for the store: {units}. Was that cut off? `byzwizard persist unlock` starts them again.").format(
                units=", ".join(found.stopped)
            ),
        )
    if fill >= FULL:
        return Check("store", True, text, _("Delete what is not needed, or use a bigger stick, before it is full."))
    return Check("store", True, text, None)
