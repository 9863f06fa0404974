"""What a browser may keep, in the words of the document: nothing that changes without asking."""

from __future__ import annotations

import pytest

from tests.support.business import made
from tests.support.http import Client, World

API = "/scheduler/api"
DYNAMIC = [
    "messages",
    "groups",
    "contacts",
    "notifications",
    "analytics/dashboard",
    "analytics/groups",
    "contacts/import",
]


@pytest.mark.parametrize("path", DYNAMIC)
def test_what_changes_is_asked_about_again(ana: Client, path: str) -> None:
    first = ana.get(f"{API}/{path}")
    assert {"no-cache", "must-revalidate"} <= {part.strip() for part in first.headers["cache-control"].split(",")}
    assert "Authorization" in first.headers["vary"]
    again = ana.get(f"{API}/{path}", headers={"if-none-match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


def test_a_change_is_seen_at_once(ana: Client) -> None:
    tag = ana.get(f"{API}/groups").headers["etag"]
    made(ana, f"{API}/groups", {"name": "VIP"})
    changed = ana.get(f"{API}/groups", headers={"if-none-match": tag})
    assert (changed.status, changed.json["total"]) == (200, 1)


def test_who_one_is_holds_for_five_minutes_and_for_oneself_only(world: World, ana: Client) -> None:
    answer = ana.get(f"{API}/auth/me")
    assert answer.headers["cache-control"] == "private, max-age=300"
    assert "Authorization" in answer.headers["vary"]
    assert "max-age" not in world.visitor().get(f"{API}/auth/me").headers["cache-control"]


def test_answers_to_commands_and_failures_are_not_kept(world: World, ana: Client) -> None:
    for answer in (
        ana.post(f"{API}/groups", json={"name": "VIP"}),
        ana.get(f"{API}/groups/nobody"),
        world.visitor().get(f"{API}/groups"),
        world.visitor().post(f"{API}/auth/login", json={"email": "a@b.example", "password": "x"}),
        ana.get(f"{API}/reports/export"),
    ):
        assert answer.headers["cache-control"] == "no-store", answer
