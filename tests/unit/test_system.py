"""What is read of the system may be gone while it is read."""

import errno
import os
from pathlib import Path

import pytest

from byzwizard.backends.system import System


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ENOTDIR, errno.ESRCH, errno.ENODEV])
def test_a_process_or_device_that_goes_while_it_is_read_is_not_there(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_args: object, **_more: object) -> str:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "read_text", gone)
    assert System().read("/proc/4711/comm") is None


def test_what_may_not_be_read_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_args: object, **_more: object) -> str:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(Path, "read_text", refused)
    with pytest.raises(OSError, match="Input/output error"):
        System().read("/etc/hostname")
