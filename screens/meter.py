"""How hard a passphrase is to guess, measured while it is typed, and five words that cannot be."""

from collections.abc import Callable

from byzwizard.i18n import _
from byzwizard.screens import secret
from byzwizard.screens.items import Note
from byzwizard.screens.page import Session


class Meter:
    """Of one field. `text` is what stands in it, `faulty` whether it cannot be a passphrase, `use` what it is for."""

    def __init__(self, session: Session, text: Callable[[], str], faulty: Callable[[], bool], use: str) -> None:
        self._session, self._text, self._faulty, self._use = session, text, faulty, use
        self._made = ""  # the last words that were generated
        self._asked = ""  # what was typed and would be replaced
        self._score: int | None = None  # of the passphrase that was typed
        self._measuring = False

    def words(self) -> str:
        """Five new words."""
        self._made = secret.five_words()
        return self._made

    def replaces(self) -> bool:
        """Whether new words would take the place of what a person typed: said once, then no more."""
        text = self._text()
        if text in {"", self._made, self._asked}:
            return False
        self._asked = text
        self._session.say(_("F6 once more puts five new words in the place of what you typed."))
        return True

    def note(self, shown: bool) -> Note:
        """How strong it is, and what to do with it; `shown`: it can be read on the page."""
        if self._text() == self._made and self._made:
            advice = _("write them down") if shown else _("F8 shows them: write them down")
            return Note(
                _("{word}: five words made for you; {advice}").format(word=secret.word(4)[1], advice=advice),
                "good",
                " ",
            )
        if self._faulty() or not self._text():
            return Note(_("F6 makes five words"), label=" ")
        if self._score is None:
            return Note(self._use, label=" ")
        mark, word = secret.word(self._score)
        if mark == "good":
            return Note(_("{word}; {use}").format(word=word, use=self._use), mark, " ")
        return Note(_("{word}: it can be guessed; F6 makes five words that cannot").format(word=word), mark, " ")

    def measure(self) -> None:
        """In a thread: the first time takes longer than a key may. The last score is shown until the next is known."""
        text = self._text()
        if self._measuring or not text or text == self._made or self._faulty():
            return
        self._measuring = True

        def measured(score: int) -> None:
            self._measuring, self._score = False, score
            if text != self._text():  # more was typed meanwhile
                self.measure()
            self._session.host.changed()

        self._session.host.later(lambda: secret.strength(text), measured, self._session.sorry)

    @property
    def known(self) -> bool:
        return self._score is not None
