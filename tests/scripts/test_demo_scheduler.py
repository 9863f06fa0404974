"""The demo user of the WhatsApp Scheduler finds a phone book and messages in every state that matters at first."""

from __future__ import annotations

from typing import Any

from eventstore.connect import connect
from scripts import demo
from tests.support.http import World


def test_the_demo_user_sees_groups_contacts_and_messages(world: World) -> None:
    demo.run(world.settings)
    world.settle()
    world.react()
    email = next(login for who, login, _ in demo.LOGINS if who.startswith("Scheduler"))
    session = world.visitor().post("/scheduler/api/auth/login", json={"email": email, "password": demo.PASSWORD}).json
    client = world.visitor().with_headers(authorization=f"Bearer {session['access_token']}")

    def shown(path: str) -> Any:
        return client.get(f"/scheduler/api/{path}").json

    groups = {group["id"]: group for group in shown("groups")["items"]}
    assert {name: (group["contact_count"], group["active_count"]) for name, group in groups.items()} == {
        "grp_clientes": (3, 3),
        "grp_taller": (3, 2),
    }
    assert {row["phone"][:3] for row in shown("contacts")["items"]} == {"+52"}
    assert {row["id"]: row["status"] for row in shown("messages")["items"]} == {
        "msg_borrador": "draft",
        "msg_programado": "scheduled",
        "msg_enviado": "sent",
    }
    sent = shown("messages/msg_enviado")
    assert (sent["recipient_count"], sent["delivered_count"], sent["failed_count"]) == (3, 3, 0)
    assert shown("messages/msg_programado/preview")["recipient_count"] == 3
    taken = client.post(
        "/scheduler/api/contacts", json={"name": "Otra", "phone": shown("contacts")["items"][0]["phone"]}
    )
    assert taken.status == 409
    assert demo.run(world.settings) is False


def test_what_was_sent_appears_whole_so_that_no_sender_takes_it_up_half_done(world: World) -> None:
    demo.run(world.settings)
    with connect(world.settings.database_url, "test") as connection:
        commits = connection.execute(
            "select count(*), array_agg(distinct key) from events"
            " join accepted_commands on position between first_position and last_position"
            " where stream like '%msg_enviado%'"
        ).fetchone()
    assert commits == (14, ["demo/scheduled_message-acme-msg_enviado/DraftMessage"])
