"""What tests of every kind share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from byzwizard import catalogue, catalogue_names


@pytest.fixture
def descriptors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of descriptors instead of ours."""
    monkeypatch.setattr(catalogue_names, "DESCRIPTORS", tmp_path)
    for known in (catalogue_names.names, catalogue_names.units, catalogue_names.titles, catalogue.here):
        known.cache_clear()
    yield tmp_path
    for known in (catalogue_names.names, catalogue_names.units, catalogue_names.titles, catalogue.here):
        known.cache_clear()
