"""What is done with messages can be read in the audit: by whom, from which frontend, in which order."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.http import Client, World
from tests.support.messages import API, do, draft

pytestmark = pytest.mark.usefixtures("at_noon")


def test_what_was_done_with_a_message_and_by_whom_is_in_the_audit(world: World, ana: Client, group: str) -> None:
    assert ana.signed
    admin = world.signed_in(world.user("admin"))
    message = draft(ana, group)
    ana.put(f"{API}/messages/{message}", json={"content": "Mejor así"})
    do(ana, message, "schedule")
    do(ana, message, "pause", reason="Un momento")
    do(ana, message, "resume")
    do(admin, message, "cancel", reason="Ya no")
    copy = do(ana, message, "duplicate").json["id"]
    ana.delete(f"{API}/messages/{message}")
    auditor = world.signed_in(world.user("auditor"))

    def found(query: str) -> list[dict[str, Any]]:
        answer = auditor.get(f"/office/audit/events?{query}")
        assert answer.status == 200, answer
        return answer.json["items"][::-1]

    events = found(f"stream=scheduled_message-{world.own}-{message}")
    assert [event["name"] for event in events] == [
        "MessageDrafted",
        "MessageEdited",
        "MessageScheduled",
        "MessagePaused",
        "MessageResumed",
        "MessageCancelled",
        "MessageDeleted",
    ]
    assert [event["version"] for event in events] == [*range(1, 8)]
    assert {event["meta"]["frontend"] for event in events} == {"scheduler"}
    by = [event["meta"]["by"] for event in events]
    assert by[5] != by[0]
    assert {*by[:5], by[6]} == {by[0]}
    assert ana.signed.user.id in by[0]
    assert events[3]["data"]["reason"] == "Un momento"
    assert events[5]["data"]["was"] == "scheduled"
    (copied,) = found(f"name=MessageDrafted&stream=scheduled_message-{world.own}-{copy}")
    assert copied["data"]["copy_of"] == message
    stranger = world.signed_in(world.user("auditor", organization=world.organization("other")))
    assert stranger.get(f"/office/audit/events?stream=scheduled_message-{world.own}-{message}").json["items"] == []


def test_what_is_done_with_contacts_and_groups_is_in_the_audit_without_the_person(
    world: World, ana: Client, group: str
) -> None:
    auditor = world.signed_in(world.user("auditor"))
    answer = auditor.get("/office/audit/events?frontend=scheduler&limit=500")
    names = [event["name"] for event in answer.json["items"]]
    assert {"GroupCreated", "ContactAdded"} <= {*names}
    assert "+52155987700" not in answer.text
    assert "Cliente 1" not in answer.text
