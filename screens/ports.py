"""Over what this node meshes, where somebody names it: its wired ports and wireless cards, each chosen or not."""

from collections.abc import Sequence
from functools import partial

from byzwizard.i18n import _
from byzwizard.screens.items import Action, Item
from byzwizard.screens.page import Session

LINK, NAMED = "mesh.link", "mesh.interfaces"
ROW = "over-"


def items(session: Session) -> Sequence[Item]:
    """Those that the link can use, below it; what an answers file names and is not here can be taken out."""
    link, chosen = session.draft.get(LINK), _chosen(session)
    names = [*(_ports(session) if link in ("auto", "wired") else ()), *(_radios(session) if link != "wired" else ())]
    return [_row(session, name, name in chosen) for name in dict.fromkeys([*names, *chosen])]


def cables(session: Session) -> Sequence[Item]:
    """For a computer without a wireless card."""
    wired = session.draft.get(LINK) == "wired"
    chosen = _chosen(session) if wired else []

    def take(name: str) -> None:
        if not wired:
            session.draft.put("mesh", link="wired", interfaces=(name,))
        elif chosen == [name]:
            session.draft.put("mesh", link="auto", interfaces="auto")
        else:
            toggle(session, name)
        session.host.changed()

    return [
        Action(ROW + name, _("Mesh over the cable {name}").format(name=name), partial(take, name),
               mark="on" if name in chosen else "off", hint="  " + _("chosen") if name in chosen else "",
               verb=_("choose"))
        for name in _ports(session)
    ]  # fmt: skip


def choose_link(session: Session, link: str) -> None:
    """With what is named and fits it; a cable meshes only where it is named, and the only one is."""
    named, ports = session.draft.get(NAMED), _ports(session)
    unfit = {"auto": [], "wired": _radios(session)}.get(link, ports)
    left = [] if named == "auto" else [name for name in named if name not in unfit]
    if link == "wired" and not left and len(ports) == 1:
        left = ports
    session.draft.put("mesh", link=link, interfaces=tuple(left) or "auto")
    session.host.changed()


def toggle(session: Session, name: str) -> None:
    """With none left the choice is the program's again."""
    chosen = _chosen(session)
    left = [other for other in chosen if other != name] if name in chosen else [*chosen, name]
    session.draft.set(NAMED, tuple(left) or "auto")
    session.host.changed()


def lack(session: Session) -> str:
    """What keeps the page from being left; empty where nothing does."""
    if session.draft.get(LINK) == "wired" and session.draft.get(NAMED) == "auto":
        return _("Choose the wired port over which this node meshes, or another link.")
    return ""


def _row(session: Session, name: str, on: bool) -> Action:
    return Action(ROW + name, f"  {name}", partial(toggle, session, name), mark="on" if on else "off", hint=_said(on),
                  verb=_("choose"))  # fmt: skip


def _said(on: bool) -> str:
    return _("meshes") if on else _("does not mesh")


def _chosen(session: Session) -> list[str]:
    """Those that are named, else the cards that the program would take."""
    named = session.draft.get(NAMED)
    if named != "auto":
        return list(named)
    machine = session.machine
    if machine is None or session.draft.get(LINK) == "wired":
        return []
    return [radio.interface for radio in machine.radios if radio.interface and radio.meshes]


def _ports(session: Session) -> list[str]:
    return [port.interface for port in session.machine.wired] if session.machine is not None else []


def _radios(session: Session) -> list[str]:
    machine = session.machine
    return [radio.interface for radio in machine.radios if radio.interface] if machine is not None else []
