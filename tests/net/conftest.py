"""What several tests in network namespaces begin with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.lab import Lab, laboratory


@pytest.fixture
def tmp_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Without the test's name: the path of a daemon's socket has 107 characters at most (unix(7))."""
    return tmp_path_factory.mktemp("t")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with laboratory(tmp_path) as found:
        yield found
