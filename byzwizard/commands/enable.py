"""switch services on"""

from byzwizard import catalogue
from byzwizard.backends import dumped
from byzwizard.backends.system import System
from byzwizard.commands import Context, choosing

arguments = choosing.arguments


def run(context: Context) -> int:
    names = choosing.names(context)

    def along(present: tuple[str, ...]) -> tuple[str, ...]:
        there = catalogue.here()
        asked = there.with_needs(name for name in names if name in there.services)
        if any(one.data for one in asked):
            dumped.need_open(System())  # else nothing would start, and nobody would be told
        return tuple(dict.fromkeys((*present, *names)))

    return choosing.change(context, along)
