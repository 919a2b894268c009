"""Twenty nodes in our configuration, few of which hear each other: all find all, and again around what falls silent."""

import os
import shutil
from pathlib import Path

import pytest

from tests.net.crowd import crowd, graph, joined, to_cut
from tests.net.spaces import within

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(not all(shutil.which(name) for name in ("babeld", "nft")), reason="tools are missing"),
]
NODES = 20


@pytest.mark.timeout(300)
def test_all_find_all_and_find_other_ways(tmp_path: Path) -> None:
    with crowd(tmp_path / "c", NODES) as made:
        made.start(ours=True)
        assert within(120, lambda: made.missing() == 0), made.missing()
        lost = to_cut(NODES, made.edges)
        assert lost
        assert joined(NODES, [edge for edge in made.edges if edge not in lost])
        made.cut(lost)
        assert made.missing() > 0  # what was cut was in use
        assert within(120, lambda: made.missing() == 0), made.missing()
        far = next(node for node in range(1, NODES) if node not in made.neighbours(0))
        assert made.made.run(made.names[0], "ping", "-c", "1", "-W", "2", f"10.7.{far}.1").returncode == 0


def test_the_graph_is_the_same_each_time_and_hangs_together() -> None:
    assert graph(100) == graph(100)
    assert joined(100, graph(100))
    assert not joined(3, [(1, 0)])
