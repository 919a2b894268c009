"""Apply: the stages as they go, told by the events of the engine; what failed, what was undone, what to try."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from byzwizard.errors import ByzantiumError, Refused
from byzwizard.events import Event
from byzwizard.i18n import _
from byzwizard.plan import MAY_SKIP
from byzwizard.screens.items import Bar, Button, Gap, Item, Key, Mark, Note, Waiting
from byzwizard.screens.page import Page, Session
from byzwizard.screens.saving import save_as
from byzwizard.screens.sheets import Sheet, confirm

if TYPE_CHECKING:
    from byzwizard.desk import Applying, Keeping

LOG_TO = "byzantium.log"
KEEP_STEP = "store-keep"  # of backends/new_store.py


@dataclass
class StageRow:
    """`steps` is how many finish before the stage is good; 0 where the plan is not known."""

    title: str
    mark: Mark = "todo"
    steps: int = 0
    finished: int = 0


@dataclass
class Progress:
    """What the events have told so far. Pure, so that the tests need no terminal."""

    rows: dict[str, StageRow] = field(default_factory=dict)
    now: str = ""
    bar: Bar | None = None
    log: list[str] = field(default_factory=list)
    failed_stage: str = ""
    fault: str = ""
    undone: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)  # what could not be undone
    changed: bool = False
    keeps_other: bool = False  # than before: something may be switched off now
    ended: bool = False
    titles: dict[str, str] = field(default_factory=dict)  # of the stages, where no plan has told them

    def take(self, event: Event) -> None:
        row = self._row(event.stage) if event.stage else None
        if event.event == "start":
            if row and row.mark != "bad":
                row.mark = "busy"
                self._finish_before(event.stage or "")
            self.now, self.bar = event.text or self.now, None
            self._write("-", event)
        elif event.event == "progress":
            if event.total:
                self.bar = Bar(event.done or 0, event.total, rate(event))
            self.now = event.text or self.now
        elif event.event == "finish":
            self.bar = None
            self.changed |= bool(event.changed)
            self.keeps_other |= bool(event.changed) and event.step == KEEP_STEP
            if row and row.mark != "bad":
                row.finished += 1
                row.mark = "good" if row.finished == row.steps else "busy"
            self._write("✓", event)
        elif event.event == "fail":
            self.bar = None
            if row:
                row.mark = "bad"
            if self.undone:
                self.stuck.append(event.text)
            self.failed_stage = self.failed_stage or event.stage or ""
            self.fault = self.fault or event.text
            self._write("✗", event)
        elif event.event == "undo":
            self.undone.append(event.text)
            self._write(_("undone:"), event)
        elif event.event == "end":
            self.ended = True
            self.now, self.bar = "", None
            if event.status == 0:
                for each in self.rows.values():
                    each.mark = "good" if each.mark in {"busy", "todo"} else each.mark
            elif event.text and not self.fault:
                self.fault = event.text

    def _row(self, stage: str) -> StageRow:
        return self.rows.setdefault(stage, StageRow(self.titles.get(stage, stage)))

    def name_rows(self, titles: dict[str, str]) -> None:
        """The stages' titles, which may come later than their first events."""
        self.titles = titles
        for stage, row in self.rows.items():
            row.title = titles.get(stage, row.title)

    def _finish_before(self, stage: str) -> None:
        """Where no plan has told how much there is to a stage, one that has begun ends those before it."""
        for name, row in self.rows.items():
            if name == stage:
                return
            if row.mark == "busy" and not row.steps:
                row.mark = "good"

    def _write(self, mark: str, event: Event) -> None:
        if event.text:
            self.log.append(f"{mark} {event.text}")


class Apply(Page):
    name = "apply"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._applying: Applying | None = None
        self._progress = Progress()
        self._status: int | None = None
        self._undoing = False
        self._undo_wanted = False
        self._stood = False  # it was a node before
        self._stopping: Sheet | None = None  # the question whether to stop
        self._skip: frozenset[str] = frozenset()
        self._told = 0  # lines of the log that line mode has shown

    @property
    def place(self) -> str:
        return _("Undo") if self._undoing else _("Apply")

    @property
    def title(self) -> str:
        if self._status is None:
            if self._undoing:
                return _("Taking the last change back")
            return _("Changing this node") if self._stood else _("Setting this node up")
        if self._status == 0:
            return _("Done")
        return _("Stopped, and undone") if self._status == 130 else _("That did not work")

    @property
    def sentence(self) -> str:
        if self._status is None:
            return _("This takes less than a minute on most computers.")
        if self._status == 0:
            if self.session.desk.rehearsal:
                return _("This was a rehearsal: these are the steps, and nothing was changed.")
            if self._undoing:
                return _("The last change is taken back.")
            return _("This node is as you chose.") if self._stood else _("This computer is a node now.")
        if self._progress.stuck or not self._progress.ended:
            return _("Not all of it could be undone. Retry goes on from where it stands.")
        return _("Nothing half done is left behind.")

    @property
    def help(self) -> str:
        return _(
            "The stages run in this order, some side by side. When a step fails, its stage is undone and the rest "
            "is left as it was.\n\n"
            "Retry tries again what is missing. Skip goes on without the stage that failed, where a node can do "
            "without it. Shell opens a command line for somebody who wants to look. Save log writes what happened "
            "into a file."
        )

    def arrive(self) -> None:
        """Begins only when it is asked for: whoever comes back here sees what came of it."""
        if self._applying is None or self._status is not None:
            undo, self._undo_wanted, self._skip = self._undo_wanted, False, frozenset()
            self.begin(undo)

    def undo_next(self) -> None:
        """Entered next, this page takes the last apply back."""
        self._undo_wanted = True

    def begin(self, undo: bool) -> None:
        """Start an apply, or an undo of the last one."""
        session = self.session
        self._undoing, self._status, self._told = undo, None, 0
        self._stood = session.first == "node"
        self._progress = Progress()
        if session.review is not None and not undo:
            for stage in session.review.plan.stages:
                self._progress.rows[stage.name] = StageRow(stage.title, steps=len(stage.steps))
        try:
            self._applying = session.desk.undo() if undo else session.desk.apply(
                session.draft.answers,
                session.review.seals if session.review is not None else (),
                self._skip,
                session.draft.store_passphrase,
            )
        except ByzantiumError as fault:
            self._progress.fault, self._progress.ended, self._status = str(fault), True, fault.status
            session.host.changed()
            return
        session.host.later(session.desk.titles, self._name_rows, lambda _fault: None)
        session.host.watch(self._applying.fd, self._read)
        session.host.changed()

    def _name_rows(self, titles: dict[str, str]) -> None:
        self._progress.name_rows(titles)
        self.session.host.changed()

    def _read(self) -> bool:
        """Take the events that have arrived; False when there will be no more."""
        if self._applying is None:
            return False
        for line in self._applying.lines():
            try:
                event = Event.parse(line)
            except ValueError:
                self._progress.log.append(line.rstrip())
                continue
            self._progress.take(event)
        self._status = self._applying.status()
        if self._status is None:
            self.session.host.changed()
            return True
        if self._status == 0 and not self.session.desk.rehearsal:
            self._settle()
        if self._status == Refused.status:  # a disk is not the one that was shown: Review looks again
            self.session.review = None
        self.session.host.changed()
        if self._stopping is not None:  # it has ended meanwhile: there is nothing to stop
            self.session.host.close(self._stopping)
            self._stopping = None
        self.session.host.move(self.focus() or "")
        if self._status == 0 and self._progress.keeps_other:
            self.session.host.later(self.session.desk.keeping, self._offer, self.session.sorry)
        return False

    def _settle(self) -> None:
        """This node is another now, and nothing is edited any more."""
        draft = self.session.draft
        self.session.review = None
        if self._undoing:
            draft.reset()
        else:
            self.session.first = "node"
            draft.answers = draft.answers

    def _offer(self, found: Keeping | None) -> None:
        """What was switched off may be deleted now."""
        if found is not None and found.left_over and self.session.page is self:
            from byzwizard.screens.store import LeftOver

            self.session.host.open(LeftOver(self.session, found))

    @property
    def running(self) -> bool:
        return self._status is None

    def news(self) -> Sequence[str]:
        news = self._progress.log[self._told :]
        self._told = len(self._progress.log)
        return news

    def focus(self) -> str | None:
        return "stop" if self.running else "node" if self._status == 0 else "retry"

    def items(self) -> Sequence[Item]:
        progress = self._progress
        items: list[Item] = [Note(row.title, row.mark) for row in progress.rows.values()]
        if self.running:
            items.append(Gap())
            items.append(progress.bar or Waiting(progress.now or _("Starting …")))
            if progress.bar:
                items.append(Note(progress.now))
            return items
        if self._status == 0 and self.session.desk.rehearsal:
            return [logged(line) for line in progress.log]
        if self._status == 0:
            if not progress.changed and not self.session.desk.rehearsal and not self._undoing:
                items = [Note(_("Nothing had to be changed."), "good"), *items]
            return items
        items.append(Gap())
        items.append(
            Note(progress.fault or _("It ended with status {status}.").format(status=self._status), "bad", strong=True)
        )
        items += [Note(text, label=_("Undone") if not n else " ") for n, text in enumerate(progress.undone)]
        items += [Note(text, "look", _("Not undone") if not n else " ") for n, text in enumerate(progress.stuck)]
        items += [Gap(), Note(self._advice())]
        return items

    def _advice(self) -> str:
        if self._status == 4:
            return _("This computer cannot do that. What is said above tells whether another setting helps.")
        if self._progress.failed_stage in MAY_SKIP:
            return _("Try again; if it fails once more, skip it: the node works without.")
        return _("Try again. If it fails once more, save the log, and go back to change something.")

    def buttons(self) -> Sequence[Button]:
        session = self.session
        if self.running:
            return [Button("stop", _("Stop and undo"), self.escape)]
        if self._status == 0:
            if session.desk.rehearsal:
                return [Button("node", _("Back to Review"), lambda: session.retrace("review"))]
            return [Button("node", _("Show this node"), lambda: session.start("node"))]
        buttons = [
            Button("back", _("Back to Review"), lambda: session.retrace("review")),
            Button("retry", _("Retry"), self._retry),
        ]
        if self._progress.failed_stage in MAY_SKIP:
            buttons.append(Button("skip", _("Skip"), self._skip_stage))
        return [
            *buttons,
            Button("shell", _("Shell"), lambda: session.host.suspend(session.desk.shell)),
            Button("save", _("Save log"), self._save),
        ]

    def bindings(self) -> Sequence[Key]:
        return [Key(("l",), _("log"), self._log, letter=True)]

    def escape(self) -> None:
        if not self.running:
            if self._status == 0 and not self.session.desk.rehearsal:
                self.session.start("node")
            else:
                self.session.back()
            return
        self._stopping = confirm(
            self.session, _("Stop now?"), _("What has been done so far is undone."), (_("Stop and undo"), self.cancel)
        )

    def cancel(self) -> None:
        if self._applying is not None and self.running:
            self._applying.cancel()

    def _retry(self) -> None:
        self.begin(self._undoing)
        self.session.host.move("stop")

    def _skip_stage(self) -> None:
        self._skip |= {self._progress.failed_stage}
        self._retry()

    def _log(self) -> None:
        lines = self._progress.log or [_("Nothing has been told yet.")]
        self.session.host.open(Sheet(self.session, _("Log"), "", [logged(line) for line in lines]))

    def _save(self) -> None:
        session, text = self.session, "\n".join([*self._progress.log, self._progress.fault, ""])
        save_as(session, _("Save log"), LOG_TO, lambda path: session.desk.save_log(text, path))


def logged(line: str) -> Note:
    """A line of the log, its mark apart, so that what follows on the next row stands below the words."""
    marks: dict[str, Mark] = {"-": "busy", "✓": "good", "✗": "bad"}
    mark, _space, text = line.partition(" ")
    return Note(text, marks[mark]) if mark in marks else Note(line, "under")


def rate(event: Event) -> str:
    """“61 %  18.2 MB/s  1:40 left” of a progress event."""
    parts = [_("{percent} %").format(percent=100 * (event.done or 0) // (event.total or 1))]
    if event.rate:
        parts.append(_("{rate:.1f} MB/s").format(rate=event.rate / 1e6))
    if event.left is not None:
        parts.append(
            _("{minutes}:{seconds:02} left").format(minutes=int(event.left) // 60, seconds=int(event.left) % 60)
        )
    return "   ".join(parts)
