"""The two kinds of step that every daemon has, on a system of files only."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from byzwizard.backends import units
from byzwizard.backends.system import CommandFailed, Result, System
from byzwizard.backends.units import ConfigFile, RunUnit, StopUnit
from byzwizard.errors import StepFailed

UNIT = "byz-mesh@mesh0.service"
FILE = "/run/byzantium/mesh/mesh0.conf"
CGROUP = "/sys/fs/cgroup/system.slice/system-byz\\x2dmesh.slice/byz-mesh@mesh0.service/cgroup.procs"


def quiet(done: int, total: int) -> None:
    pass


class Systemd(System):
    """Starts and stops services by making the files that tell of them."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.ran: list[tuple[str, ...]] = []
        self.starts = 0
        self.dies = False
        self.refuses = False
        self.state = "inactive\n"
        self.path("/run/systemd/units").mkdir(parents=True)

    def run(self, *argv: str, stdin: str | None = None, ok: Sequence[int] = (0,), timeout: float = 30) -> Result:
        self.ran.append(argv)
        result = Result(0, "", "")
        if argv[0] == "journalctl":
            return Result(0, "Started.\nLine 16: unknown network field 'x'.\nnl80211: deinit\n", "")
        if argv[:2] == ("systemctl", "is-active"):
            return Result(3, self.state, "")
        if argv[:2] in (("systemctl", "restart"), ("systemctl", "stop")):
            self.clear()
        if argv[:2] == ("systemctl", "restart"):
            if self.refuses:
                result = Result(1, "", "See systemctl status")
            elif not self.dies:
                self.come_up()
        if result.status not in ok:
            raise CommandFailed(argv, result)
        return result

    def come_up(self) -> None:
        self.starts += 1
        os.symlink(f"id{self.starts}", self.path(f"/run/systemd/units/invocation:{UNIT}"))
        self.write(CGROUP, "4711\n")

    def clear(self) -> None:
        self.remove(CGROUP)
        self.path(f"/run/systemd/units/invocation:{UNIT}").unlink(missing_ok=True)


@pytest.fixture
def system(tmp_path: Path) -> Systemd:
    return Systemd(tmp_path)


def file(text: str) -> ConfigFile:
    return ConfigFile(id="file", text="", path=FILE, content=text, mode=0o600)


UNIT_STEP = RunUnit(id="run", text="", unit=UNIT, files=(FILE,), timeout=0.2)


def test_a_file_is_needed_until_it_is_as_it_should_be(system: Systemd) -> None:
    step = file("secret")
    assert step.needed(system)
    step.apply(system, quiet)
    assert not step.needed(system)
    system.path(FILE).chmod(0o644)
    assert step.needed(system)


def test_a_file_is_put_back_as_it_was(system: Systemd) -> None:
    system.write(FILE, "former secret", 0o640)
    step = file("secret")
    before = step.before(system)
    assert "former" not in str(before)
    step.apply(system, quiet)
    step.undo(system, before)
    assert system.read(FILE) == "former secret"
    assert system.path(FILE).stat().st_mode & 0o777 == 0o640
    assert system.path(before["copy"]).stat().st_mode & 0o777 == 0o600


def test_a_file_that_was_not_there_goes_again(system: Systemd) -> None:
    step = file("secret")
    assert step.before(system) is None
    step.apply(system, quiet)
    step.undo(system, None)
    step.undo(system, None)
    assert system.read(FILE) is None


def test_a_unit_is_needed_until_it_runs_with_its_files(system: Systemd) -> None:
    system.write(FILE, "one")
    assert UNIT_STEP.needed(system)
    UNIT_STEP.apply(system, quiet)
    assert not UNIT_STEP.needed(system)
    system.write(FILE, "two")
    assert UNIT_STEP.needed(system)
    UNIT_STEP.apply(system, quiet)
    assert not UNIT_STEP.needed(system)
    system.clear()
    assert UNIT_STEP.needed(system)


def test_a_unit_that_somebody_else_started_has_not_our_files_for_sure(system: Systemd) -> None:
    system.write(FILE, "one")
    system.come_up()
    assert UNIT_STEP.needed(system)


def test_a_restart_by_systemd_counts_when_the_files_are_older(system: Systemd) -> None:
    system.write(FILE, "one")
    UNIT_STEP.apply(system, quiet)
    system.clear()
    system.come_up()
    assert not UNIT_STEP.needed(system)
    later = system.path(f"/run/systemd/units/invocation:{UNIT}").lstat().st_mtime + 10
    os.utime(system.path(FILE), (later, later))
    assert UNIT_STEP.needed(system)


def test_a_unit_that_answers_late_is_left_alone(system: Systemd) -> None:
    answers = iter([True, False, False, True])
    step = RunUnit(id="run", text="", unit=UNIT, ready=lambda system: next(answers), timeout=1)
    step.apply(system, quiet)
    assert not step.needed(system)


def test_a_unit_that_is_not_ready_is_needed(system: Systemd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "BUSY", 0.1)
    step = RunUnit(id="run", text="", unit=UNIT, ready=lambda system: False, timeout=0.1)
    system.come_up()
    assert step.needed(system)
    with pytest.raises(StepFailed, match="not ready after") as failed:
        step.apply(system, quiet)
    assert "unknown network field" in failed.value.message


def test_a_daemon_that_dies_is_told_at_once_in_its_own_words(system: Systemd) -> None:
    system.dies = True
    with pytest.raises(StepFailed) as failed:
        RunUnit(id="run", text="", unit=UNIT, timeout=30).apply(system, quiet)
    assert failed.value.message == (
        "byz-mesh@mesh0.service could not start. It said: Line 16: unknown network field 'x'.")
    assert "journalctl -u byz-mesh@mesh0.service" in failed.value.hint


def test_a_start_that_systemd_refuses_is_explained_too(system: Systemd) -> None:
    system.refuses = True
    with pytest.raises(StepFailed, match="unknown network field"):
        UNIT_STEP.apply(system, quiet)


def test_undo_stops_what_did_not_run(system: Systemd) -> None:
    system.write(FILE, "one")
    before = UNIT_STEP.before(system)
    UNIT_STEP.apply(system, quiet)
    UNIT_STEP.undo(system, before)
    assert ("systemctl", "stop", UNIT) in system.ran
    assert UNIT_STEP.needed(system)


def test_undo_lets_systemd_go_on_trying_what_had_failed_before(system: Systemd) -> None:
    system.write(FILE, "one")
    UNIT_STEP.apply(system, quiet)
    system.clear()
    system.state = "activating\n"
    before = UNIT_STEP.before(system)
    system.write(FILE, "two")
    system.refuses = True
    with pytest.raises(StepFailed):
        UNIT_STEP.apply(system, quiet)
    system.refuses = False
    UNIT_STEP.undo(system, before)
    assert ("systemctl", "restart", "--no-block", UNIT) in system.ran
    assert ("systemctl", "stop", UNIT) not in system.ran
    assert system.read(FILE) == "one"


def test_what_systemd_goes_on_starting_is_stopped_too(system: Systemd) -> None:
    stop = StopUnit(id="stop", text="", unit=UNIT)
    system.write(FILE, "one")
    UNIT_STEP.apply(system, quiet)
    system.clear()
    assert not stop.needed(system), "it has ended"
    system.state = "activating\n"
    assert stop.needed(system)
    stop.apply(system, quiet)
    assert not stop.needed(system)


def test_undo_starts_what_ran_with_its_former_files(system: Systemd) -> None:
    system.write(FILE, "one", 0o600)
    UNIT_STEP.apply(system, quiet)
    one, two = file("one"), file("two")
    two.apply(system, quiet)
    before = UNIT_STEP.before(system)
    assert "one" not in str(before["record"])
    UNIT_STEP.apply(system, quiet)
    UNIT_STEP.undo(system, before)
    assert system.starts == 3
    assert not one.needed(system)
    assert not UNIT_STEP.needed(system)


def test_what_ran_before_need_not_be_ready_for_the_new_files(system: Systemd) -> None:
    system.write(FILE, "one")
    UNIT_STEP.apply(system, quiet)
    system.write(FILE, "two")
    step = RunUnit(id="run", text="", unit=UNIT, files=(FILE,), timeout=0.2,
                   ready=lambda system: system.read(FILE) == "two")
    before = step.before(system)
    step.apply(system, quiet)
    step.undo(system, before)
    assert system.read(FILE) == "one"


def test_a_stopped_unit_comes_back_with_its_files(system: Systemd) -> None:
    system.write(FILE, "one")
    UNIT_STEP.apply(system, quiet)
    stop = StopUnit(id="stop", text="", unit=UNIT)
    assert stop.needed(system)
    before = stop.before(system)
    stop.apply(system, quiet)
    assert not stop.needed(system)
    system.remove(FILE)
    stop.undo(system, before)
    assert not UNIT_STEP.needed(system)


def test_no_daemon_chooses_the_environment_of_its_own_unit() -> None:
    """systemd gives it to commands with all rights too (ExecStartPre=+): a library named there is loaded as root."""
    for unit in Path("assets/units").glob("*.service"):
        lines = unit.read_text(encoding="utf-8").splitlines()
        own = [f"/run/{line.partition('=')[2]}/" for line in lines if line.startswith("RuntimeDirectory=")]
        own += [f"{line.partition('=')[2]}/" for line in lines if line.startswith("ReadWritePaths=")]
        for line in lines:
            if line.startswith("EnvironmentFile="):
                assert not line.partition("=")[2].startswith(tuple(own)), unit.name
