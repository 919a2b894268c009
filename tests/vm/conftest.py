"""The tests in the virtual machine need the image that `make image` builds; they are patient."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vm.harness import BUILD

HERE = Path(__file__).parent
PATIENCE = 2400  # seconds a test may take, its boot included, where everything is emulated
LONG = ("test_keep.py", "test_clone.py", "test_cuts.py")  # begun first, or the others have ended long before them


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))
    for item in items:
        if HERE in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(PATIENCE))


@pytest.fixture(scope="session", autouse=True)
def image() -> Path:
    path = BUILD / "byzantium.iso"
    if not path.exists():
        pytest.fail("there is no image to boot: make image builds it", pytrace=False)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """For a VM's sockets and logs; their paths must be short (108 bytes for a socket)."""
    return tmp_path_factory.mktemp(Path(request.node.name).stem[:20])
