from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from plan_trees import LABELS, TREE, grown, lines

from pytest_perfbudget.plans.diff import diff, edits, matched
from pytest_perfbudget.plans.forest import parents

INDEXED = ("Limit", "  Index Scan using orders_customer_idx on orders   Index Cond: customer_id = ?")
SCANNED = ("Limit", "  Seq Scan on orders   Filter: customer_id = ?")


def test_a_replaced_scan_is_two_lines_with_aligned_conditions() -> None:
    assert diff(INDEXED, SCANNED) == (
        "  Limit",
        "-   Index Scan using orders_customer_idx on orders   Index Cond: customer_id = ?",
        "+   Seq Scan on orders                               Filter: customer_id = ?",
    )


def test_an_inserted_sort_is_one_insertion_and_the_rest_keeps_its_new_indent() -> None:
    old = ("Limit", "  Merge Join", "    Index Scan using a on a", "    Index Scan using b on b")
    new = ("Limit", "  Sort   Sort Key: x", *(f"  {line}" for line in old[1:]))
    assert diff(old, new) == (
        "  Limit",
        "+   Sort   Sort Key: x",
        "      Merge Join",
        "        Index Scan using a on a",
        "        Index Scan using b on b",
    )


def test_a_node_that_moved_under_another_parent_is_a_change() -> None:
    old, new = ("Append", "  Hash", "  Seq Scan on a"), ("Append", "  Hash", "    Seq Scan on a")
    assert diff(old, new) == ("  Append", "    Hash", "-   Seq Scan on a", "+     Seq Scan on a")


def test_siblings_are_not_confused_when_one_equal_to_them_is_put_above() -> None:
    old = ("Append", "  Hash", "  Hash")
    assert edits(old, ("Append", "  Hash", "    Hash", "  Hash")) == (0, 1)


@given(TREE)
def test_a_plan_does_not_differ_from_itself(tree: Any) -> None:
    text = lines(tree)
    assert diff(text, text) == tuple(f"  {line}" for line in text)


@given(TREE, TREE)
def test_both_sides_are_whole_and_the_edit_keeps_the_ancestry(old: Any, new: Any) -> None:
    before, after = lines(old), lines(new)
    marks = [(line[0], line[1:].split()) for line in diff(before, after)]
    assert [words for mark, words in marks if mark != "+"] == [line.split() for line in before]
    assert [words for mark, words in marks if mark != "-"] == [line.split() for line in after]
    assert_an_edit(matched(before, after), before, after)


def assert_an_edit(pairs: list[tuple[int, int]], before: tuple[str, ...], after: tuple[str, ...]) -> None:
    """Order and ancestry are kept, and a node stays only as what it was."""
    assert all(a < b and c < d for (a, c), (b, d) in pairwise(pairs))
    assert all(before[left].strip() == after[right].strip() for left, right in pairs)
    above_old, above_new = parents(before), parents(after)
    for left, right in pairs:
        kept_old = [pair for pair in pairs if pair[0] in _ancestors(left, above_old)]
        kept_new = [pair for pair in pairs if pair[1] in _ancestors(right, above_new)]
        assert kept_old == kept_new


@given(TREE, TREE)
def test_the_edit_is_the_same_from_the_other_side(old: Any, new: Any) -> None:
    before, after = lines(old), lines(new)
    assert edits(before, after) == edits(after, before)[::-1]


@given(TREE, LABELS | st.just("Memoize"), st.data())
def test_an_inserted_node_is_exactly_one_insertion(tree: Any, label: str, data: st.DataObject) -> None:
    """Whatever its label: one that the tree has already does not confuse it."""
    new = _inserted(tree, data.draw(st.integers(0, len(lines(tree)) - 1)), label, data)
    assert edits(lines(tree), lines(new)) == (0, 1)
    assert edits(lines(new), lines(tree)) == (1, 0)


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.sampled_from(["Hash", "Memoize"]), st.data())
def test_an_inserted_node_is_one_insertion_in_a_tree_of_hundreds_of_nodes(
    seed: int, label: str, data: st.DataObject
) -> None:
    tree = grown(seed, 300)
    new = _inserted(tree, data.draw(st.integers(0, 299)), label, data)
    assert edits(lines(tree), lines(new)) == (0, 1)


@given(TREE, TREE)
def test_no_edit_is_smaller(old: Any, new: Any) -> None:
    before, after = lines(old), lines(new)
    assert len(matched(before, after)) == most_in_common((old,), (new,))


@given(TREE, TREE)
def test_what_the_search_falls_back_to_is_an_edit_too(old: Any, new: Any) -> None:
    before, after = lines(old), lines(new)
    with patch("pytest_perfbudget.plans.edit.CHOICES", 0):
        pairs = matched(before, after)
    assert_an_edit(pairs, before, after)
    assert len(pairs) <= most_in_common((old,), (new,))


def test_trees_with_little_in_common_and_few_labels_give_an_edit() -> None:
    before, after = lines(grown(1, 1000)), lines(grown(2, 1000))
    pairs = matched(before, after)
    assert len(pairs) > 250
    assert_an_edit(pairs, before, after)


def _inserted(tree: Any, position: int, label: str, data: st.DataObject) -> Any:
    """A node above the one at ``position`` in preorder, or below it taking over some of its neighbouring children."""
    name, children = tree
    if position == 0:
        if data.draw(st.booleans()):
            return (label, (tree,))
        first = data.draw(st.integers(0, len(children)))
        last = data.draw(st.integers(first, len(children)))
        return (name, (*children[:first], (label, children[first:last]), *children[last:]))
    position -= 1
    for index, child in enumerate(children):
        size = len(lines(child))
        if position < size:
            return (name, (*children[:index], _inserted(child, position, label, data), *children[index + 1 :]))
        position -= size
    raise AssertionError(position)


@cache
def most_in_common(old: Any, new: Any) -> int:
    """By trying everything: the first tree of either side loses its root, or both roots stay."""
    if not old or not new:
        return 0
    (label, children), rest = old[0], old[1:]
    (other, below), after = new[0], new[1:]
    best = max(most_in_common(children + rest, new), most_in_common(old, below + after))
    both = 1 + most_in_common(children, below) + most_in_common(rest, after) if label == other else 0
    return max(best, both)


def _ancestors(position: int, parents: list[int]) -> set[int]:
    found = set()
    while position >= 0:
        position = parents[position]
        found.add(position)
    return found


def test_ten_thousand_partitions_of_which_half_changed() -> None:
    old = ["Append", *(f"  Seq Scan on p{number}" for number in range(10_000))]
    new = ["Append", *(f"  Seq Scan on p{number}" for number in range(0, 20_000, 2))]
    assert edits(old, new) == (5_000, 5_000)
