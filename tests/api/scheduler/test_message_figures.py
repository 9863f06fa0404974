"""What a message would do, and what became of it."""

from __future__ import annotations

import pytest

from tests.support.business import made
from tests.support.http import Client, World
from tests.support.messages import API, brought, do, draft, sending

pytestmark = pytest.mark.usefixtures("at_noon")


def test_a_number_in_several_groups_gets_the_message_once(ana: Client, group: str) -> None:
    second = made(ana, f"{API}/groups", {"name": "Norte"})
    people = ana.get(f"{API}/contacts").json["items"]
    ana.post(f"{API}/groups/{second}/contacts", json={"contact_ids": [person["id"] for person in people]})
    message = draft(ana, group, groups=[group, second])
    preview = ana.get(f"{API}/messages/{message}/preview").json
    assert preview["content"] == "Hola"
    counted = {name: preview[name] for name in ("recipient_count", "entries", "duplicates", "inactive")}
    assert counted == {"recipient_count": 2, "entries": 6, "duplicates": 2, "inactive": 1}
    assert [warning["code"] for warning in preview["warnings"]] == ["DUPLICATES_MERGED", "INACTIVE_SKIPPED"]
    assert ana.get(f"{API}/messages/{message}").json["recipient_count"] == 2


def test_the_figures_of_a_message_add_up(world: World, ana: Client, group: str) -> None:
    message = draft(ana, group)
    do(ana, message, "schedule")
    sending(world, message, {"a": "sent", "b": "delivered", "c": "read", "d": "failed", "e": "claimed"})
    stats = ana.get(f"{API}/messages/{message}/stats").json
    counted = {name: stats[name] for name in ("total", "pending", "sent", "delivered", "read", "failed")}
    assert counted == {"total": 5, "pending": 1, "sent": 3, "delivered": 2, "read": 1, "failed": 1}
    assert (stats["progress"], stats["delivery_rate"], stats["errors"]) == (80.0, 66.7, {"NOT_ON_WHATSAPP": 1})
    shown = ana.get(f"{API}/messages/{message}").json
    counts = [shown[name] for name in ("recipient_count", "sent_count", "delivered_count", "failed_count")]
    assert counts == [5, 3, 2, 1]
    rows = ana.get(f"{API}/messages/{message}/recipients").json
    assert [(row["contact_id"], row["status"]) for row in rows["items"]] == [
        ("a", "sent"), ("b", "delivered"), ("c", "read"), ("d", "failed"), ("e", "pending"),
    ]  # fmt: skip
    failed = ana.get(f"{API}/messages/{message}/recipients?status=failed").json
    assert (failed["total"], failed["items"][0]["error"]) == (1, "NOT_ON_WHATSAPP")


def test_a_failed_message_is_sent_again_to_those_who_did_not_get_it(world: World, ana: Client, group: str) -> None:
    message = brought(world, ana, group, "failed")
    again = do(ana, message, "retry").json
    assert (again["status"], again["attempt"]) == ("sending", 2)
    assert ana.get(f"{API}/messages?status=sending").json["total"] == 1


def test_recipients_are_listed_by_how_far_their_copy_got(world: World, ana: Client, group: str) -> None:
    message = draft(ana, group)
    do(ana, message, "schedule")
    outcomes = {"a": "sent", "b": "delivered", "c": "read", "d": "failed", "e": "claimed", "f": "nothing yet"}
    sending(world, message, outcomes)
    counted = {}
    for status in ("pending", "sent", "delivered", "read", "failed"):
        page = ana.get(f"{API}/messages/{message}/recipients?status={status}").json
        assert {row["status"] for row in page["items"]} == {status}
        assert page["total"] == len(page["items"])
        counted[status] = [row["contact_id"] for row in page["items"]]
    assert counted == {"pending": ["e", "f"], "sent": ["a"], "delivered": ["b"], "read": ["c"], "failed": ["d"]}
    first = ana.get(f"{API}/messages/{message}/recipients?page_size=4").json
    assert ([row["contact_id"] for row in first["items"]], first["pages"]) == (["a", "b", "c", "d"], 2)
    assert ana.get(f"{API}/messages/{message}/recipients?status=lost").status == 422
