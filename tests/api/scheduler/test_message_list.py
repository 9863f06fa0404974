"""The list of messages: every filter, order and page, beside a plain list that is filtered and sorted here."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.business import made
from tests.support.http import Client, World
from tests.support.messages import API, NOW, brought, code, draft

pytestmark = pytest.mark.usefixtures("at_noon")
Row = dict[str, Any]

TEXTS = ("Hola Ana", "hola eva", "50% de descuento", "Adiós_1", "ADIÓS 12", "C:\\temp", "Último día", "Nada")


@pytest.fixture
def rows(world: World, ana: Client, group: str) -> list[Row]:
    """Messages of every status, written a minute apart, to be sent at different times or at none, as the list shows
    them."""
    north = made(ana, f"{API}/groups", {"name": "Norte 100%"})
    south = made(ana, f"{API}/groups", {"name": "Hola del sur"})
    statuses = ("draft", "scheduled", "paused", "cancelled", "failed", "sent", "sending", "draft")
    for number, (text, status) in enumerate(zip(TEXTS, statuses, strict=True)):
        world.forget_limits()
        world.time_is(NOW + timedelta(minutes=number))
        groups = [[north], [south], [north, south], [group]][number % 4]
        when = None if number == 7 else (NOW + timedelta(days=1 + (number * 3) % 5, hours=number)).isoformat()
        if status == "draft":
            draft(ana, group, content=text, groups=groups, scheduled_for=when)
        else:
            brought(world, ana, group, status, content=text, groups=groups, scheduled_for=when)
    world.time_is(NOW + timedelta(hours=1))
    listed = ana.get(f"{API}/messages?page_size=100&sort=created_at").json["items"]
    assert [row["content"] for row in listed] == [*TEXTS]
    return listed


def ids(client: Client, query: str) -> list[str]:
    answer = client.get(f"{API}/messages?page_size=100&{query}")
    assert answer.status == 200, answer
    assert answer.json["total"] == len(answer.json["items"])
    return [row["id"] for row in answer.json["items"]]


def of(rows: list[Row], keep: Callable[[Row], bool], key: str = "created_at") -> list[str]:
    """The same by hand; what has no value comes last."""
    return [
        row["id"] for row in sorted(filter(keep, rows), key=lambda row: (row[key] is None, row[key] or "", row["id"]))
    ]


@pytest.mark.parametrize("key", ["scheduled_for", "created_at", "updated_at", "status"])
def test_every_order_both_ways(ana: Client, rows: list[Row], key: str) -> None:
    upwards = ids(ana, f"sort={key}")
    assert [row[key] for row in by_id(rows, upwards)] == in_order([row[key] for row in rows], reverse=False)
    downwards = ids(ana, f"sort=-{key}")
    assert [row[key] for row in by_id(rows, downwards)] == in_order([row[key] for row in rows], reverse=True)


def by_id(rows: list[Row], wanted: list[str]) -> list[Row]:
    found = {row["id"]: row for row in rows}
    assert {*wanted} == {*found}
    return [found[one] for one in wanted]


def in_order(values: list[Any], reverse: bool) -> list[Any]:
    """Sorted, and what is unknown at the end whichever way."""
    known = sorted((value for value in values if value is not None), reverse=reverse)
    return known + [None] * (len(values) - len(known))


def test_every_status_and_every_two(ana: Client, rows: list[Row]) -> None:
    statuses = ("draft", "scheduled", "sending", "sent", "paused", "cancelled", "failed")
    for one, other in itertools.combinations_with_replacement(statuses, 2):
        wanted = of(rows, lambda row: row["status"] in (one, other))  # noqa: B023 - used at once
        for query in (f"status={one},{other}", f"status={one}&status={other}", f"status[]={one}&status[]={other}"):
            assert ids(ana, f"{query}&sort=created_at") == wanted, query


def test_a_group_and_a_group_that_is_not_there(ana: Client, rows: list[Row]) -> None:
    groups = {group["id"] for row in rows for group in row["groups"]}
    assert len(groups) == 3
    for group in groups:
        wanted = of(rows, lambda row: group in [one["id"] for one in row["groups"]])  # noqa: B023
        assert ids(ana, f"group_id={group}&sort=created_at") == wanted
        assert ids(ana, f"groupId={group}&sort=created_at") == wanted
    assert ids(ana, "group_id=grp_nobody") == []


@pytest.mark.parametrize(
    "sought", ["hola", "HOLA", " hola ", "%", "100%", "_", "\\", "ñandú", "adiós", "Norte", "sur", "último", "'", "12"]
)
def test_a_search_looks_at_texts_and_names_of_groups_letter_by_letter(
    ana: Client, rows: list[Row], sought: str
) -> None:
    needle = unicodedata.normalize("NFC", sought.strip()).lower()

    def has(row: Row) -> bool:
        return any(needle in text.lower() for text in (row["content"], *(group["name"] for group in row["groups"])))

    answer = ana.get(f"{API}/messages", params={"search": sought, "sort": "created_at", "page_size": 100})
    assert [row["id"] for row in answer.json["items"]] == of(rows, has)


@pytest.mark.parametrize(
    ("query", "since", "until"),
    [
        ("from=2026-03-04", "2026-03-04T06:00", None),
        ("to=2026-03-04", None, "2026-03-05T06:00"),
        ("from=2026-03-04&to=2026-03-05", "2026-03-04T06:00", "2026-03-06T06:00"),
        ("from=2026-03-04T15:00:00Z", "2026-03-04T15:00", None),
        ("from=2026-03-04T15:00:00%2B02:00", "2026-03-04T13:00", None),
        ("from=2026-03-04T07:00:00&to=2026-03-06T23:00:00", "2026-03-04T13:00", "2026-03-07T05:00"),
    ],
)
def test_a_period_is_that_of_the_users_days(
    ana: Client, rows: list[Row], query: str, since: str | None, until: str | None
) -> None:
    begin = datetime.fromisoformat(since or "2000-01-01").replace(tzinfo=UTC)
    end = datetime.fromisoformat(until or "2100-01-01").replace(tzinfo=UTC)

    def within(row: Row) -> bool:
        return bool(row["scheduled_for"]) and begin <= datetime.fromisoformat(row["scheduled_for"]) < end

    found = ids(ana, f"{query}&sort=scheduled_for")
    assert found == of(rows, within, "scheduled_for")
    assert 0 < len(found) < len(rows)


def test_filters_together_leave_what_all_of_them_leave(ana: Client, rows: list[Row]) -> None:
    north = next(group["id"] for row in rows for group in row["groups"] if group["name"].startswith("Norte"))
    found = ids(ana, f"status=draft,paused,failed&group_id={north}&search=%25&from=2026-03-03&to=2026-03-09")
    assert {*found} == {
        row["id"]
        for row in rows
        if row["status"] in ("draft", "paused", "failed")
        and north in [group["id"] for group in row["groups"]]
        and row["scheduled_for"]
    }
    assert found


def test_pages_put_together_are_the_list(ana: Client, rows: list[Row]) -> None:
    whole = ids(ana, "sort=-created_at")
    for size in (1, 3, 8, 100):
        pages = -(-len(rows) // size)
        answers = [ana.get(f"{API}/messages?sort=-created_at&page={page}&page_size={size}").json
                   for page in range(1, pages + 2)]  # fmt: skip
        assert [row["id"] for answer in answers for row in answer["items"]] == whole
        assert {(answer["total"], answer["page_size"], answer["pages"]) for answer in answers} == {(8, size, pages)}
        assert [answer["page"] for answer in answers] == [*range(1, pages + 2)]
        assert answers[-1]["items"] == []


def test_a_list_is_ten_long_and_sorted_by_its_time_unless_said_otherwise(ana: Client, group: str) -> None:
    for number in range(11):
        draft(ana, group, content=f"Hola {number}", scheduled_for=(NOW + timedelta(days=20 - number)).isoformat())
    page = ana.get(f"{API}/messages").json
    assert [page[name] for name in ("total", "page", "page_size", "pages")] == [11, 1, 10, 2]
    assert [row["content"] for row in page["items"]] == [f"Hola {number}" for number in range(10, 0, -1)]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page=0", "page"),
        ("page=-1", "page"),
        ("page=1000001", "page"),
        ("page=one", "page"),
        ("page_size=0", "page_size"),
        ("pageSize=101", "page_size"),
        ("status=lost", "status"),
        ("status=retry", "status"),
        ("sort=color", "sort"),
        ("sort=-", "sort"),
        ("from=ayer", "from"),
        ("to=2026-02-30", "to"),
        ("from=2026-03-05&to=2026-03-01", "to"),
        (f"search={'x' * 201}", "search"),
    ],
)
def test_what_is_no_list_is_refused_with_the_field(ana: Client, query: str, field: str) -> None:
    answer = ana.get(f"{API}/messages?{query}")
    assert code(answer)[0] == 422, answer
    assert field in answer.json["error"]["details"], answer


def test_an_empty_filter_is_none(ana: Client, rows: list[Row]) -> None:
    assert len(ids(ana, "status=&search=&from=&to=")) == len(rows)
    assert ana.get(f"{API}/messages?page=1000000&page_size=100").json["items"] == []
