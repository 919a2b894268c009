"""switch services off; their data stay until `byzwizard data delete`"""

from byzwizard import catalogue
from byzwizard.commands import Context, choosing
from byzwizard.errors import Refused
from byzwizard.i18n import _

arguments = choosing.arguments


def run(context: Context) -> int:
    names = choosing.names(context)

    def without(present: tuple[str, ...]) -> tuple[str, ...]:
        left = tuple(name for name in present if name not in names)
        there = catalogue.here()
        for name in names:
            users = there.needing(name, (one for one in left if one in there.services))
            if users:
                raise Refused(_("{users} needs {name}.").format(users=_(" and ").join(users), name=name),
                              _("Switch both off: `byzwizard disable {names}`.").format(names=" ".join((*users, name))))
        return left

    return choosing.change(context, without)
