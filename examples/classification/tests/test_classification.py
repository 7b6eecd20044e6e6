"""What the service promises. The marker of each test names the budget its statements are held to."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import psycopg
import pytest
from classification.candidates import classify_by_keywords
from classification.dashboard import industry_dashboard
from classification.export import export_classifications
from classification.history import latest_classification
from classification.reclassify import reclassify
from classification.review import LOW_CONFIDENCE, review_queue
from classification.search import search

RARE = ["falconry dentistry", "Heraldic Optics"]
COMMON = ["local restaurant", "local plumbing"]
MONDAY = datetime(2023, 3, 6, tzinfo=UTC)


@pytest.mark.perf_budget("classification.classify")
@pytest.mark.parametrize(("words", "supporters"), [(RARE, 3), (COMMON, 9442)], ids=["rare", "common"])
def test_keywords_lead_to_industries(conn: psycopg.Connection, words: list[str], supporters: int) -> None:
    candidates = classify_by_keywords(conn, words)
    assert len(candidates) == 5
    assert (candidates[0].code, candidates[0].businesses) == ("A000", supporters)
    assert candidates == sorted(candidates, key=lambda candidate: (-candidate.score, candidate.code))


@pytest.mark.perf_budget("classification.classify")
def test_unknown_words_lead_nowhere(conn: psycopg.Connection) -> None:
    assert classify_by_keywords(conn, ["no such word"]) == []


@pytest.mark.perf_budget("classification.latest")
@pytest.mark.parametrize(("business_id", "year"), [(5, 2022), (49, 2024)], ids=["one", "sixteen"])
def test_latest_classification(conn: psycopg.Connection, business_id: int, year: int) -> None:
    latest = latest_classification(conn, business_id)
    assert latest is not None
    assert latest.business_id == business_id
    assert latest.classified_at.astimezone(UTC).year == year


@pytest.mark.perf_budget("classification.search")
@pytest.mark.parametrize("text", ["thorvaldsen taxidermy", "carpentry"], ids=["rare", "common"])
def test_search_finds_every_word_best_first(conn: psycopg.Connection, text: str) -> None:
    hits = search(conn, text)
    assert len(hits) == 20
    assert all(word in hits[0].name.lower() for word in text.split())
    assert hits == sorted(hits, key=lambda hit: (-hit.rank, hit.business_id))


@pytest.mark.perf_budget("classification.search")
def test_search_by_registration_number(conn: psycopg.Connection) -> None:
    assert [hit.business_id for hit in search(conn, "EA0031676")] == [4]


@pytest.mark.perf_budget("classification.review_queue")
def test_first_page_of_the_review_queue(conn: psycopg.Connection) -> None:
    page = review_queue(conn)
    assert len(page) == 50
    assert page[0].confidence == Decimal("0.250")
    assert [review.position for review in page] == sorted(review.position for review in page)


@pytest.mark.perf_budget("classification.review_queue")
def test_a_late_page_costs_no_more_than_the_first(conn: psycopg.Connection) -> None:
    after = (Decimal("0.550"), 300_000)
    page = review_queue(conn, after=after)
    assert len(page) == 50
    assert all(after < review.position and review.confidence < LOW_CONFIDENCE for review in page)


@pytest.mark.perf_budget("classification.dashboard")
@pytest.mark.parametrize(("sector", "businesses"), [("T", 6_532), ("A", 32_093)], ids=["small", "large"])
def test_dashboard_of_a_sector(conn: psycopg.Connection, sector: str, businesses: int) -> None:
    page = industry_dashboard(conn, sector, since=MONDAY)
    assert sum(division.businesses for division in page.divisions) == businesses
    assert [leader.employees for leader in page.leaders] == sorted((x.employees for x in page.leaders), reverse=True)
    assert [day.classified for day in page.days] == [576] * 7


@pytest.mark.perf_budget("classification.reclassify")
def test_reclassify_moves_one_batch(conn: psycopg.Connection) -> None:
    at = datetime(2025, 6, 1, tzinfo=UTC)
    moved = reclassify(conn, "H074", "H073", at=at, limit=100)
    assert len(set(moved)) == 100
    latest = latest_classification(conn, moved[0])
    assert latest is not None
    assert (latest.code, latest.status, latest.classified_at) == ("H073", "confirmed", at)


@pytest.mark.perf_budget("classification.export")
def test_export_streams_an_industry(conn: psycopg.Connection) -> None:
    previous, count = Decimal(0), 0
    for row in export_classifications(conn, "A000"):
        assert previous <= row.confidence
        previous, count = row.confidence, count + 1
    assert count == 23_998
