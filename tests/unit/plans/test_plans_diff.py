from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from plan_trees import LABELS, TREE, lines

from pytest_perfbudget.plans.diff import _parents, diff, edits, matched

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
    pairs = matched(before, after)
    above_old, above_new = _parents(before), _parents(after)
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
    count = len(lines(tree))
    if label != "Memoize":
        tree = _relabelled(tree, label)
    new = _inserted(tree, data.draw(st.integers(0, count - 1)), label, data)
    assert edits(lines(tree), lines(new)) == (0, 1)


def _relabelled(tree: Any, label: str) -> Any:
    """Without the label, so that what is inserted is new to the tree."""
    return ("Unique" if tree[0] == label else tree[0], tuple(_relabelled(child, label) for child in tree[1]))


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
