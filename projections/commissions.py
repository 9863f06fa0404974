"""Commissions: each with its terms and where it stands."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import LiteralString

import msgspec

from domain.commission import CommissionCancelled, CommissionEarned, CommissionPaid, CommissionPromised
from eventstore import reading
from eventstore.mapper import Recorded
from eventstore.reading import Source
from projections.view import Statement

VERSION = 3

TABLES: LiteralString = """
create table commissions (
    organization  text not null,
    id            text not null,
    partner       text not null,
    deal          text not null,
    customer      text not null,
    status        text not null,         -- pending, earned, paid, cancelled
    amount        bigint not null,
    rate          integer not null,
    sale          bigint not null,
    vehicle_make  text,
    vehicle_model text,
    month         text,                  -- the month it was earned in
    promised_at   timestamptz not null,
    earned_at     timestamptz,
    paid_at       timestamptz,
    primary key (organization, id)
);
create index commissions_by_month
    on commissions (organization, partner, month, earned_at desc, promised_at desc, id) include (deal, amount)
    where status in ('earned', 'paid');
create index commissions_pending on commissions (organization, partner, promised_at desc, id) include (deal, amount)
    where status = 'pending';
"""

PROMISE = """
insert into commissions (organization, id, partner, deal, customer, status, amount, rate, sale,
                         vehicle_make, vehicle_model, promised_at)
values (%s, %s, %s, %s, %s, 'pending', %s, %s, %s, %s, %s, %s)
"""
EARN = """
insert into commissions (organization, id, partner, deal, customer, status, amount, rate, sale,
                         vehicle_make, vehicle_model, promised_at, month, earned_at)
values (%s, %s, %s, %s, %s, 'earned', %s, %s, %s, %s, %s, %s, %s, %s)
on conflict (organization, id) do update
set status = 'earned', amount = excluded.amount, rate = excluded.rate, sale = excluded.sale,
    vehicle_make = excluded.vehicle_make, vehicle_model = excluded.vehicle_model,
    month = excluded.month, earned_at = excluded.earned_at
"""
PAY = "update commissions set status = 'paid', paid_at = %s where organization = %s and id = %s"
CANCEL = "update commissions set status = 'cancelled' where organization = %s and id = %s"

EVENTS = (CommissionPromised, CommissionEarned, CommissionPaid, CommissionCancelled)


def apply(recorded: Recorded) -> Iterable[Statement]:
    organization = recorded.meta.organization
    match recorded.event:
        case CommissionPromised() as event:
            yield PROMISE, (organization, *_terms(event), event.at)
        case CommissionEarned() as event:
            yield EARN, (organization, *_terms(event), event.at, event.month, event.at)
        case CommissionPaid() as event:
            yield PAY, (event.at, organization, event.commission)
        case CommissionCancelled() as event:
            yield CANCEL, (organization, event.commission)
        case _:
            pass


def _terms(event: CommissionPromised | CommissionEarned) -> tuple[str | int | None, ...]:
    return (
        event.commission,
        event.partner,
        event.deal,
        event.customer,
        event.amount,
        event.rate,
        event.sale,
        event.vehicle_make,
        event.vehicle_model,
    )


class Commission(msgspec.Struct, frozen=True, kw_only=True):
    """A commission. Money in centavos, rate in hundredths of a percent."""

    id: str
    partner: str
    deal: str
    customer: str
    status: str
    amount: int
    rate: int
    sale: int
    vehicle_make: str | None
    vehicle_model: str | None
    month: str | None
    promised_at: datetime
    earned_at: datetime | None
    paid_at: datetime | None


BY_ID = """
select id, partner, deal, customer, status, amount, rate, sale, vehicle_make, vehicle_model, month,
       promised_at, earned_at, paid_at
from commissions where organization = %s and id = %s
"""


PAGE = """
select id, partner, deal, customer, status, amount, rate, sale, vehicle_make, vehicle_model, month,
       promised_at, earned_at, paid_at
from commissions where organization = %s and (%s::text is null or status = %s) and id > %s order by id limit %s
"""


async def by_id(source: Source, organization: str, commission: str) -> Commission | None:
    """One commission."""
    return await reading.row(source, Commission, BY_ID, (organization, commission))


async def page(source: Source, organization: str, status: str | None, after: str, limit: int) -> list[Commission]:
    """The commissions of an organisation, or those that stand there, after an id, in order of id."""
    return await reading.rows(source, Commission, PAGE, (organization, status, status, after, limit))


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """What the commissions of a month come to, in centavos, and on how many deals."""

    earned: int
    earned_deals: int
    pending: int
    pending_deals: int


# Of a month are the commissions earned in it and those that were promised before it ended and are pending still. Either
# part comes in the order of its index, so that of a long list only its beginning is read.
OF_MONTH = """
(select id, partner, deal, customer, status, amount, rate, sale, vehicle_make, vehicle_model, month,
        promised_at, earned_at, paid_at
 from commissions
 where organization = %(organization)s and partner = %(partner)s and month = %(month)s and status in ('earned', 'paid')
 order by earned_at desc, promised_at desc, id limit %(limit)s)
union all
(select id, partner, deal, customer, status, amount, rate, sale, vehicle_make, vehicle_model, month,
        promised_at, earned_at, paid_at
 from commissions
 where organization = %(organization)s and partner = %(partner)s and status = 'pending' and promised_at < %(upto)s
 order by promised_at desc, id limit %(limit)s)
order by earned_at desc nulls last, promised_at desc, id limit %(limit)s
"""
SUMS = """
select earned.amount, earned.deals, pending.amount, pending.deals
from (select coalesce(sum(amount), 0)::bigint as amount, count(distinct deal) as deals from commissions
       where organization = %(organization)s and partner = %(partner)s and month = %(month)s
         and status in ('earned', 'paid')) earned,
     (select coalesce(sum(amount), 0)::bigint as amount, count(distinct deal) as deals from commissions
       where organization = %(organization)s and partner = %(partner)s and status = 'pending'
         and promised_at < %(upto)s) pending
"""


async def of_month(
    source: Source, organization: str, partner: str, month: str, upto: datetime, limit: int
) -> tuple[list[Commission], Sums]:
    """The partner's commissions of a month (2025-10), those earned last first, then the pending ones promised before
    `upto`; and what all of them come to."""
    asked = {"organization": organization, "partner": partner, "month": month, "upto": upto, "limit": limit}
    rows = await reading.rows(source, Commission, OF_MONTH, asked)
    ((earned, earned_deals, pending, pending_deals),) = await reading.tuples(source, SUMS, asked)
    return rows, Sums(earned=earned, earned_deals=earned_deals, pending=pending, pending_deals=pending_deals)
