"""switch services on"""

from byzwizard.commands import Context, choosing

arguments = choosing.arguments


def run(context: Context) -> int:
    names = choosing.names(context)
    return choosing.change(context, lambda present: tuple(dict.fromkeys((*present, *names))))
