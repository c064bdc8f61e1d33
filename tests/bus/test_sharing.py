"""How partitions are shared out: evenly, completely, and moving little."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from bus.kafka.sharing import share

claims = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=2), st.frozensets(st.integers(0, 15)), min_size=1
)


@given(st.integers(1, 12), claims)
def test_each_partition_has_one_owner_and_nobody_has_two_more_than_another(
    partitions: int, owned: Mapping[str, frozenset[int]]
) -> None:
    shares = share(partitions, owned)
    assert shares.keys() == owned.keys()
    assert sorted(one for mine in shares.values() for one in mine) == list(range(partitions))
    sizes = [len(mine) for mine in shares.values()]
    assert max(sizes) - min(sizes) <= 1


@given(st.integers(1, 12), claims)
def test_sharing_again_moves_nothing(partitions: int, owned: Mapping[str, frozenset[int]]) -> None:
    shares = share(partitions, owned)
    assert share(partitions, shares) == shares


@given(st.integers(1, 12), claims)
def test_a_newcomer_takes_no_more_than_its_share(
    partitions: int, owned: Mapping[str, frozenset[int]]
) -> None:
    before = share(partitions, owned)
    after = share(partitions, {**before, "newcomer": frozenset()})
    moved = sum(len(after[member] - before[member]) for member in before)
    assert moved == 0
