"""Texts of messages: every one that a message has had, deleted ones too, since a copy may be on its way with an earlier
one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import LiteralString

from domain.scheduled_message import MessageDrafted, MessageEdited
from eventstore import reading
from eventstore.mapper import Recorded
from eventstore.reading import Source
from projections.view import Statement

VERSION = 1

TABLES: LiteralString = """
create table message_texts (
    organization text not null,
    message      text not null,
    revision     integer not null,
    content      text not null,
    primary key (organization, message, revision)
);
"""

KEEP = """
insert into message_texts (organization, message, revision, content) values (%s, %s, %s, %s) on conflict do nothing
"""

EVENTS = (MessageDrafted, MessageEdited)


def apply(recorded: Recorded) -> Iterable[Statement]:
    organization = recorded.meta.organization
    match recorded.event:
        case MessageDrafted() as event:
            yield KEEP, (organization, event.message, 1, event.content)
        case MessageEdited() as event:
            yield KEEP, (organization, event.message, event.revision, event.content)
        case _:
            pass


OF_REVISION = "select content from message_texts where organization = %s and message = %s and revision = %s"


async def of_revision(source: Source, organization: str, message: str, revision: int) -> str | None:
    """What a message said in one of its revisions."""
    return await reading.value(source, OF_REVISION, (organization, message, revision))
