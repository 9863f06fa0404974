"""Dashboard and analytics: the figures are those of the messages, whoever adds them up."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from api.scheduler import figures
from domain import scheduled_message
from domain.scheduled_message import MessageSent
from tests.support.business import made
from tests.support.http import Client, World
from tests.support.messages import API, NOW, brought, do, draft, sending

pytestmark = pytest.mark.usefixtures("at_noon")


def sent(world: World, ana: Client, group: str, text: str, outcomes: dict[str, str]) -> str:
    """A message that was written, went out and ended just now."""
    message = draft(ana, group, content=text, scheduled_for=(world.now + timedelta(hours=1)).isoformat())
    assert do(ana, message, "schedule").status == 200
    sending(world, message, outcomes, at=world.now)
    failed = sum(outcome == "failed" for outcome in outcomes.values())
    about: dict[str, Any] = {"message": message, "owner": ana.signed and ana.signed.user.id, "reasons": {}}
    ended = MessageSent(**about, sent=len(outcomes) - failed, failed=failed, at=world.now)
    world.given(scheduled_message.stream(world.own, message), ended)
    return message


def test_an_empty_dashboard_is_all_noughts(ana: Client) -> None:
    shown = ana.get(f"{API}/analytics/dashboard")
    assert shown.status == 200, shown
    cards = {name: card for name, card in shown.json.items() if isinstance(card, dict)}
    assert set(cards) == {"scheduled", "sent_this_month", "delivery_rate", "active_groups"}
    assert all(card == {"value": 0, "change": 0} for card in cards.values())
    assert not any(value for value in shown.json.values() if not isinstance(value, dict))


def test_both_names_of_the_dashboard_show_the_same(world: World, ana: Client, group: str) -> None:
    brought(world, ana, group, "scheduled", content="Uno")
    first, second = (ana.get(f"{API}/{path}/dashboard") for path in ("analytics", "messages"))
    assert first.status == second.status == 200
    assert first.json == second.json


def test_the_dashboard_counts_what_there_is(world: World, ana: Client, group: str) -> None:
    for number, status in enumerate(("draft", "scheduled", "sending", "sent", "paused", "cancelled", "failed")):
        for copy in range(1 + number % 2):
            world.forget_limits()
            brought(world, ana, group, status, content=f"Hola {number} {copy}")
    made(ana, f"{API}/groups", {"name": "Sin nadie"})
    shown = ana.get(f"{API}/analytics/dashboard").json
    assert {name: value for name, value in shown.items() if name.endswith("_messages")} == {
        "total_messages": 10,
        "draft_messages": 1,
        "scheduled_messages": 2,
        "sending_messages": 1,
        "sent_messages": 2,
        "paused_messages": 1,
        "cancelled_messages": 2,
        "failed_messages": 1,
    }
    assert shown["scheduled"]["value"] == 2
    assert shown["active_groups"]["value"] == 1, "a group without contacts is not active"
    assert (shown["total_groups"], shown["total_contacts"], shown["active_contacts"]) == (2, 3, 2)


def test_months_are_those_of_the_users_and_rates_those_of_thirty_days(world: World, ana: Client, group: str) -> None:
    world.time_is(NOW - timedelta(days=40))  # the 21st of January
    sent(world, ana, group, "Enero", {"a": "delivered", "b": "sent"})
    world.time_is(NOW.replace(month=3, day=1, hour=5, minute=59))  # still February in Mexico
    sent(world, ana, group, "Febrero", {"a": "delivered", "b": "delivered", "c": "sent", "d": "failed"})
    world.time_is(NOW.replace(month=3, day=1, hour=6))
    sent(world, ana, group, "Marzo uno", {"a": "read"})
    sent(world, ana, group, "Marzo dos", {"a": "delivered"})
    world.time_is(NOW)
    shown = ana.get(f"{API}/analytics/dashboard").json
    assert shown["sent_this_month"] == {"value": 2, "change": 100.0}, "two after one in February"
    assert shown["delivery_rate"] == {"value": 80.0, "change": 30.0}, "4 of 5 after 1 of 2, in points"
    assert (shown["recipients"], shown["delivered"], shown["failed"]) == (6, 4, 1)


def test_the_thirty_days_before_are_thirty_where_two_months_are_longer(world: World, ana: Client, group: str) -> None:
    end = NOW.replace(month=1, day=31)
    for days, text, became in ((61, "Antes", "sent"), (60, "Hace mucho", "delivered"), (1, "Ayer", "delivered")):
        world.time_is(end - timedelta(days=days))
        sent(world, ana, group, text, {"a": became})
    world.time_is(end)
    shown = ana.get(f"{API}/analytics/dashboard").json
    assert shown["delivery_rate"] == {"value": 100.0, "change": 0.0}, "what went out 61 days ago is in neither"
    assert shown["sent_this_month"] == {"value": 1, "change": -50.0}, "but it was last month, as the other one was"


def test_messages_over_time_add_up_day_by_day(world: World, ana: Client, group: str) -> None:
    world.time_is(NOW - timedelta(days=2))
    sent(world, ana, group, "Uno", {"a": "read", "b": "delivered", "c": "sent", "d": "failed"})
    draft(ana, group)
    world.time_is(NOW)
    sent(world, ana, group, "Dos", {"a": "delivered"})
    shown = ana.get(f"{API}/analytics/messages").json
    assert shown["by_day"] == [
        {"date": "2026-02-28", "created": 2, "sent": 1, "recipients": 4, "delivered": 2, "failed": 1},
        {"date": "2026-03-02", "created": 1, "sent": 1, "recipients": 1, "delivered": 1, "failed": 0},
    ]
    assert (shown["total"], shown["by_status"]) == (3, {"sent": 2, "draft": 1})
    counted = [shown[name] for name in ("recipients", "sent", "delivered", "read", "failed")]
    assert counted == [5, 4, 3, 1, 1]
    assert [shown[name] for name in ("delivery_rate", "read_rate", "failure_rate")] == [75.0, 25.0, 20.0]
    day = ana.get(f"{API}/analytics/messages?from=2026-02-28&to=2026-02-28").json
    assert (day["total"], [row["date"] for row in day["by_day"]]) == (2, ["2026-02-28"])
    assert (day["since"], day["until"]) == ("2026-02-28T06:00:00Z", "2026-03-01T06:00:00Z")
    assert ana.get(f"{API}/analytics/messages?from=2026-03-01&to=2026-03-01").json["total"] == 0


@pytest.mark.parametrize("query", ["from=ayer", "from=2026-03-02&to=2026-03-01", "from=2024-01-01&to=2026-01-01"])
def test_what_is_no_period_is_refused(ana: Client, query: str) -> None:
    assert ana.get(f"{API}/analytics/messages?{query}").status == 422


def test_groups_are_shown_with_what_was_sent_to_them(world: World, ana: Client, group: str) -> None:
    empty = made(ana, f"{API}/groups", {"name": "Vacío"})
    sent(world, ana, group, "Uno", {"a": "delivered", "b": "failed"})
    sent(world, ana, group, "Dos", {"a": "sent"})
    shown = ana.get(f"{API}/analytics/groups").json
    assert (shown["total"], shown["active"]) == (2, 1)
    assert shown["items"] == [
        {
            "id": group,
            "name": "Clientes VIP",
            "contact_count": 3,
            "active_count": 2,
            "messages": 2,
            "recipients": 3,
            "sent": 2,
            "delivered": 1,
            "failed": 1,
            "delivery_rate": 50.0,
        },
        {
            "id": empty,
            "name": "Vacío",
            "contact_count": 0,
            "active_count": 0,
            "messages": 0,
            "recipients": 0,
            "sent": 0,
            "delivered": 0,
            "failed": 0,
            "delivery_rate": 0.0,
        },
    ]


def test_the_figures_are_those_of_everything_however_much_there_is(world: World, ana: Client, group: str) -> None:
    for number in range(5):
        sent(world, ana, group, f"Hola {number}", {"a": "delivered", "b": "failed"})
    paths = ("analytics/dashboard", "analytics/messages", "analytics/groups")
    whole = [ana.get(f"{API}/{path}").json for path in paths]
    assert (whole[0]["recipients"], whole[1]["total"], whole[2]["items"][0]["messages"]) == (10, 5, 5)
    world.patch.setattr(figures, "AT_ONCE", 2)
    assert [ana.get(f"{API}/{path}").json for path in paths] == whole


def test_both_pages_call_the_same_groups_active(ana: Client, group: str) -> None:
    for person in ana.get(f"{API}/contacts").json["items"]:
        ana.put(f"{API}/contacts/{person['id']}", json={"is_active": False})
    made(ana, f"{API}/groups", {"name": "Vacío"})
    assert ana.get(f"{API}/analytics/dashboard").json["active_groups"]["value"] == 1
    assert ana.get(f"{API}/analytics/groups").json["active"] == 1
