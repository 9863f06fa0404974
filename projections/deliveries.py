"""Deliveries: each recipient's copy of a message, how far it got; and what the senders have to do next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import LiteralString

import msgspec

from domain.delivery import (
    DeliveryClaimed,
    DeliveryConfirmed,
    DeliveryDoubled,
    DeliveryDoubted,
    DeliveryFailed,
    DeliveryHandedOver,
    DeliveryReleased,
)
from domain.scheduled_message import MessageRedrafted, MessageRetried, RecipientsListed
from eventstore import reading
from eventstore.connect import AsyncConnection
from eventstore.mapper import Recorded
from eventstore.reading import Source
from projections.view import Statement

VERSION = 1

TABLES: LiteralString = """
create table deliveries (
    organization text not null,
    message      text not null,
    recipient    text not null,
    status       text not null default 'pending', -- claimed, unknown, sent, delivered, read, failed
    run          integer not null default 1,
    attempt      integer not null default 0,
    claim        text,
    worker       text,
    revision     integer,
    phone_digest text,
    doubt        text,
    reason       text,                            -- why it failed, or was released last
    provider_id  text,
    doubled      integer not null default 0,
    claimed_at   timestamptz,
    sent_at      timestamptz,
    delivered_at timestamptz,
    read_at      timestamptz,
    failed_at    timestamptz,
    primary key (organization, message, recipient)
);
create index deliveries_by_status on deliveries (organization, message, status);
create index deliveries_pending on deliveries (organization, message, recipient) where status = 'pending';
create index deliveries_doubtful on deliveries (claimed_at) where status in ('claimed', 'unknown');
create index deliveries_unconfirmed on deliveries (sent_at) where status = 'sent';
create index deliveries_by_provider on deliveries (provider_id) where provider_id is not null;
"""

LIST = """
insert into deliveries (organization, message, recipient) select %s, %s, unnest(%s::text[]) on conflict do nothing
"""
RETRY = """
update deliveries set status = 'pending', run = %s
where organization = %s and message = %s and status = 'failed'
"""
REDRAFT = """
update deliveries set status = 'pending', run = run + 1 where organization = %s and message = %s and status = 'failed'
"""
CLAIM = """
update deliveries set status = 'claimed', claim = %s, worker = %s, attempt = %s, run = %s, revision = %s,
       phone_digest = %s, claimed_at = %s, provider_id = null, doubt = null, reason = null
where organization = %s and message = %s and recipient = %s
"""
HAND_OVER = """
update deliveries set status = 'sent', provider_id = %s, sent_at = %s, doubt = null, reason = null
where organization = %s and message = %s and recipient = %s
"""
DOUBT = """
update deliveries set status = 'unknown', doubt = %s where organization = %s and message = %s and recipient = %s
"""
RELEASE = """
update deliveries set status = 'pending', doubt = null, reason = %s
where organization = %s and message = %s and recipient = %s
"""
DELIVER = """
update deliveries set status = 'delivered', delivered_at = %s
where organization = %s and message = %s and recipient = %s
"""
READ = """
update deliveries set status = 'read', read_at = %s, delivered_at = coalesce(delivered_at, %s)
where organization = %s and message = %s and recipient = %s
"""
FAIL = """
update deliveries set status = 'failed', reason = %s, run = %s, failed_at = %s, doubt = null
where organization = %s and message = %s and recipient = %s
"""
DOUBLE = """
update deliveries set doubled = doubled + 1 where organization = %s and message = %s and recipient = %s
"""

EVENTS = (
    RecipientsListed,
    MessageRetried,
    MessageRedrafted,
    DeliveryClaimed,
    DeliveryHandedOver,
    DeliveryDoubted,
    DeliveryReleased,
    DeliveryConfirmed,
    DeliveryFailed,
    DeliveryDoubled,
)


def apply(recorded: Recorded) -> Iterable[Statement]:
    organization = recorded.meta.organization
    match recorded.event:
        case RecipientsListed() as event:
            yield LIST, (organization, event.message, list(event.recipients))
        case MessageRetried() as event:
            yield RETRY, (event.attempt, organization, event.message)
        case MessageRedrafted(was="failed") as event:
            yield REDRAFT, (organization, event.message)
        case DeliveryClaimed() as event:
            yield (
                CLAIM,
                (
                    event.claim,
                    event.worker,
                    event.attempt,
                    event.run,
                    event.revision,
                    event.phone_digest,
                    event.at,
                    organization,
                    event.message,
                    event.recipient,
                ),
            )
        case DeliveryHandedOver() as event:
            yield HAND_OVER, (event.provider_id, event.at, organization, event.message, event.recipient)
        case DeliveryDoubted() as event:
            yield DOUBT, (event.doubt, organization, event.message, event.recipient)
        case DeliveryReleased() as event:
            yield RELEASE, (event.reason, organization, event.message, event.recipient)
        case DeliveryConfirmed(level="delivered") as event:
            yield DELIVER, (event.at, organization, event.message, event.recipient)
        case DeliveryConfirmed() as event:
            yield READ, (event.at, event.at, organization, event.message, event.recipient)
        case DeliveryFailed() as event:
            yield FAIL, (event.reason, event.run, event.at, organization, event.message, event.recipient)
        case DeliveryDoubled() as event:
            yield DOUBLE, (organization, event.message, event.recipient)
        case _:
            pass


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A recipient's copy. `recipient` is the contact's id."""

    organization: str
    message: str
    recipient: str
    status: str
    run: int
    attempt: int
    claim: str | None
    revision: int | None
    phone_digest: str | None
    doubt: str | None
    reason: str | None
    provider_id: str | None
    claimed_at: datetime | None
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None
    failed_at: datetime | None


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How the copies of one message are doing. Each is in exactly one of these."""

    pending: int = 0
    claimed: int = 0
    unknown: int = 0
    sent: int = 0
    delivered: int = 0
    read: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        return self.open + self.out + self.failed

    @property
    def open(self) -> int:
        """Not at their end yet."""
        return self.pending + self.claimed + self.unknown

    @property
    def out(self) -> int:
        """Taken by the provider, whatever came after."""
        return self.sent + self.delivered + self.read

    @property
    def confirmed(self) -> int:
        """Known to have reached the recipient's phone."""
        return self.delivered + self.read


NOTHING = Counts()

COUNTS = """
select message, status, count(*) from deliveries where organization = %s and message = any(%s) group by message, status
"""
REASONS = """
select coalesce(reason, ''), count(*) from deliveries
where organization = %s and message = %s and status = 'failed' group by 1 order by 2 desc, 1
"""
PAGE = """
select organization, message, recipient, status, run, attempt, claim, revision, phone_digest, doubt, reason,
       provider_id, claimed_at, sent_at, delivered_at, read_at, failed_at
from deliveries
where organization = %(organization)s and message = %(message)s
  and (%(statuses)s::text[] is null or status = any(%(statuses)s))
order by recipient limit %(limit)s offset %(offset)s
"""
BY_PROVIDER_ID = """
select organization, message, recipient, status, run, attempt, claim, revision, phone_digest, doubt, reason,
       provider_id, claimed_at, sent_at, delivered_at, read_at, failed_at
from deliveries where provider_id = %s
"""
PENDING = """
select recipient from deliveries
where organization = %s and message = %s and status = 'pending' order by recipient offset %s limit %s
"""
DOUBTFUL = """
select organization, message, recipient, status, run, attempt, claim, revision, phone_digest, doubt, reason,
       provider_id, claimed_at, sent_at, delivered_at, read_at, failed_at
from deliveries
where (status = 'unknown' or (status = 'claimed' and claimed_at < %s)) and status in ('claimed', 'unknown')
order by claimed_at limit %s
"""
UNCONFIRMED = """
select organization, message, recipient, status, run, attempt, claim, revision, phone_digest, doubt, reason,
       provider_id, claimed_at, sent_at, delivered_at, read_at, failed_at
from deliveries where status = 'sent' and sent_at > %s and sent_at < %s order by sent_at limit %s
"""


async def counts(source: Source, organization: str, messages: Sequence[str]) -> dict[str, Counts]:
    """How the copies of these messages are doing; a message without recipients is left out."""
    found: dict[str, dict[str, int]] = {}
    if not messages:
        return {}
    for message, status, count in await reading.tuples(source, COUNTS, (organization, list(messages))):
        found.setdefault(message, {})[status] = count
    return {message: Counts(**statuses) for message, statuses in found.items()}


async def counts_of(connection: AsyncConnection, organization: str, message: str) -> Counts:
    """How the copies of one message are doing."""
    return (await counts(connection, organization, [message])).get(message, NOTHING)


async def reasons(source: Source, organization: str, message: str) -> dict[str, int]:
    """Why copies of a message failed, and how many for each reason."""
    return dict(await reading.tuples(source, REASONS, (organization, message)))


async def page(
    source: Source, organization: str, message: str, statuses: Sequence[str], limit: int, offset: int
) -> list[Delivery]:
    """Some of a message's copies, by recipient; those in one of these statuses, where any are named."""
    asked = {
        "organization": organization,
        "message": message,
        "statuses": list(statuses) or None,
        "limit": limit,
        "offset": offset,
    }
    return await reading.rows(source, Delivery, PAGE, asked)


async def by_provider_id(source: Source, provider_id: str) -> Delivery | None:
    """The copy that the provider knows under this id."""
    return await reading.row(source, Delivery, BY_PROVIDER_ID, (provider_id,))


async def pending(source: Source, organization: str, message: str, skip: int, limit: int) -> list[str]:
    """Some recipients whose copy nobody has claimed, in the order of their ids."""
    return [recipient for (recipient,) in await reading.tuples(source, PENDING, (organization, message, skip, limit))]


async def doubtful(source: Source, claimed_before: datetime, limit: int) -> list[Delivery]:
    """Copies about which the provider has to be asked: the unknown ones, and those whose worker should have said
    something since it claimed them."""
    return await reading.rows(source, Delivery, DOUBTFUL, (claimed_before, limit))


async def unconfirmed(source: Source, since: datetime, before: datetime, limit: int) -> list[Delivery]:
    """Copies that were handed over between these moments and of which nothing was heard since."""
    return await reading.rows(source, Delivery, UNCONFIRMED, (since, before, limit))
