"""The rule who moves, over thousands of nodes: that it always ends, soon, and how often it is needed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from byzwizard.resolve import client_prefix
from tests.bench.clashes import SIXES, holders, merge, repair, same_sixes

IDS = st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=32, max_size=32)


@pytest.mark.parametrize("nodes", [1000, 3000])
def test_two_meshes_that_meet_end_without_a_clash(nodes: int) -> None:
    merges = [merge(nodes, seed) for seed in range(3)]
    for each in merges:
        print(f"{each.nodes} nodes: {each.clashes} clashes ({each.expected:.1f} expected), {each.moved} moved, "
              f"{each.rounds} rounds")
        assert each.left == 0
        assert each.rounds <= 4
        # Nodes that moved for a third one in the same round are the only ones beside those that clashed.
        assert each.clashes <= each.moved <= each.clashes * 1.5
    # 3 standard deviations of a Poisson process around the birthday estimate.
    clashes, expected = sum(each.clashes for each in merges), sum(each.expected for each in merges)
    assert abs(clashes - expected) < 3 * expected ** 0.5


@settings(max_examples=20)
@given(st.lists(IDS, min_size=2, max_size=30, unique=True))
def test_nodes_that_all_begin_with_one_network_come_apart(ids: list[str]) -> None:
    first = client_prefix(min(ids), ())
    networks = dict.fromkeys(ids, first)
    rounds, _moved = repair(networks)
    assert rounds <= 4
    assert len(holders(networks)) == len(ids)
    assert networks[min(ids)] == first, "the smallest id stays"


def test_how_often_nodes_have_one_ipv6_network() -> None:
    """As often as chance has it for 16 bits: some 70 pairs of 3000 nodes, and one of 100 nodes in 13 meshes."""
    pairs, expected = sum(same_sixes(3000, seed) for seed in range(4)), 4 * 3000 * 2999 / 2 / SIXES
    print(f"{pairs} pairs ({expected:.1f} expected)")
    assert abs(pairs - expected) < 3 * expected ** 0.5
