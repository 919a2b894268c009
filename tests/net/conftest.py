"""What several tests in network namespaces begin with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.lab import Lab, laboratory


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with laboratory(tmp_path) as found:
        yield found
