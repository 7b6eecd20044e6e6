from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.capture import auto_explain, documents
from pytest_perfbudget.capture.documents import WHOLE, Documents, Packed


def body(query: str, value: object) -> bytes:
    plan = {"Node Type": "Index Scan", "Index Name": "orders_pkey", "Index Cond": f"(id = {value})", "Actual Rows": 1}
    return json.dumps({"Query Text": query, "Plan": plan}, indent=2, ensure_ascii=False).encode()


def filled() -> Documents:
    kept = Documents()
    for n in range(WHOLE):
        kept.keep(b"other", body("other", n))
    return kept


def test_equal_documents_are_one_object() -> None:
    kept = Documents()
    assert kept.keep(b"q", body("q", 1)) is kept.keep(b"q", body("q", 1))
    late = filled()
    first, second = late.keep(b"q", body("q", 1)), late.keep(b"q", body("q", 2))
    assert late.keep(b"q", body("q", 2)) is second is not first
    assert late.keep(b"other", body("other", 5)) == body("other", 5)


def test_a_long_recording_keeps_what_is_new() -> None:
    kept = filled()
    kept.keep(b"q", body("q", 0))
    late = [kept.keep(b"q", body("q", n)) for n in range(1, 500)]
    assert all(isinstance(one, Packed) for one in late)
    assert sum(len(one.data) for one in late if isinstance(one, Packed)) / 499 < len(body("q", 0)) / 5
    assert [documents.plan(one)["Plan"]["Index Cond"] for one in late] == [f"(id = {n})" for n in range(1, 500)]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.binary(max_size=50)), max_size=30))
def test_what_was_kept_comes_out_as_it_came(given: list[tuple[str, bytes]]) -> None:
    kept = filled()
    taken = [(kept.keep(query.encode(), document), document) for query, document in given]
    assert all((one if isinstance(one, bytes) else one.body) == document for one, document in taken)


@given(st.text(), st.text())
def test_a_document_belongs_to_the_statement_it_names(one: str, other: str) -> None:
    def escaped(text: str) -> bytes:  # as PostgreSQL's escape_json does: what is not ASCII stays
        return json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogatepass")

    encodable = [text.encode("utf-8", "replace").decode() for text in (one, other)]
    document = b'{\n  "Query Text": ' + escaped(encodable[0]) + b',\n  "Plan": {}\n}'
    assert auto_explain.belongs(document, encodable[0].encode())
    assert auto_explain.belongs(document, encodable[1].encode()) == (encodable[0] == encodable[1])
