"""Sheets: small pages that open over a page for a question, a text or a warning."""

from collections.abc import Callable, Sequence

from byzwizard.i18n import _
from byzwizard.screens.items import Button, Entry, Item, Note
from byzwizard.screens.page import Page, Session


class Sheet(Page):
    """A title, a sentence, some items and buttons; the last line of defence is Esc, which closes it."""

    def __init__(
        self,
        session: Session,
        title: str,
        sentence: str = "",
        items: Sequence[Item] = (),
        buttons: Sequence[Button] = (),
        focus: str | None = None,
    ) -> None:
        super().__init__(session)
        self._title, self._sentence, self._items, self._focus = title, sentence, tuple(items), focus
        self._buttons = tuple(buttons) or (Button("close", _("Close"), self.escape),)

    @property
    def title(self) -> str:
        return self._title

    @property
    def sentence(self) -> str:
        return self._sentence

    def items(self) -> Sequence[Item]:
        return self._items

    def buttons(self) -> Sequence[Button]:
        return self._buttons

    def focus(self) -> str | None:
        return self._focus or self._buttons[0].id

    def escape(self) -> None:
        self.session.host.close()


class Ask(Sheet):
    """One line of text."""

    def __init__(
        self, session: Session, title: str, sentence: str, label: str, text: str, take: Callable[[str], None]
    ) -> None:
        super().__init__(session, title, sentence, focus="text")
        self._label, self._text, self._take = label, text, take

    def items(self) -> Sequence[Item]:
        return [Entry("text", self._label, self._text, self._typed, limit=200, enter=self._done)]

    def buttons(self) -> Sequence[Button]:
        return [Button("cancel", _("Cancel"), self.escape), Button("ok", _("OK"), self._done)]

    def _typed(self, text: str) -> None:
        self._text = text
        self.session.host.changed()

    def _done(self) -> None:
        if self._text.strip():
            self.session.host.close()
            self._take(self._text.strip())


def ask(session: Session, title: str, sentence: str, label: str, text: str, take: Callable[[str], None]) -> None:
    session.host.open(Ask(session, title, sentence, label, text, take))


class Help(Sheet):
    """What F1 shows."""


def paragraphs(text: str) -> list[Item]:
    return [Note(part) for part in text.split("\n")]


def confirm(session: Session, title: str, sentence: str, *choices: tuple[str, Callable[[], None]]) -> Sheet:
    """Cancel first and in the focus, then what may be done, each named by its effect. Returns the open sheet."""

    def closing(do: Callable[[], None]) -> Callable[[], None]:
        def closed() -> None:
            session.host.close()
            do()

        return closed

    buttons = [
        Button("cancel", _("Cancel"), session.host.close),
        *(Button(f"do-{n}", label, closing(do)) for n, (label, do) in enumerate(choices)),
    ]
    sheet = Sheet(session, title, sentence, (), buttons)
    session.host.open(sheet)
    return sheet
