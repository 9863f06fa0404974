"""Financing files: every partner looks after ten customers, each with four files, of which the newest is shown. What is
due to be noticed has been noticed, so that nothing is left to be done while something else is measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import LiteralString

from domain import customer
from domain.customer import CustomerAdded
from scripts.bench import world

CUSTOMERS, FILES = 10, 4

# `c` is the customer, `p` its partner, to whom it is number `d`; `k` is which of the customer's files.
MADE: LiteralString = """
select dated.*, shown and due < %(now)s as noticed
  from (
    select opened.*, least(step_due, idle_due) as due
      from (
        select made.*, at + interval '168 hours' as idle_due,
               case stage when 'prequalification' then at + interval '48 hours'
                          when 'documentation' then at + interval '72 hours' end as step_due
          from (
            select n, 'deal_' || lpad(n::text, 7, '0') as deal, 'client_' || lpad(c::text, 7, '0') as customer,
                   'dlr_' || lpad(p::text, 7, '0') as partner, k = 3 as shown, c,
                   (array['prequalification', 'documentation', 'approval', 'financing'])[1 + mod(d + p, 4)] as stage,
                   300000 * 100::bigint + mod(n * 7919::bigint, 1200000) * 100 as value, %(now)s as now,
                   %(now)s - (case k when 3 then d else 50 - 10 * k + d end * 24 + 1) * interval '1 hour' as at
              from (select n, mod(n, %(rows)s / 4) as c, n / (%(rows)s / 4) as k,
                           mod(mod(n, %(rows)s / 4), %(rows)s / 40) as p, mod(n, %(rows)s / 4) / (%(rows)s / 40) as d
                      from generate_series(0, %(rows)s / 4 * 4 - 1) n) numbers
          ) made
      ) opened
  ) dated
"""
EVENTS: Sequence[LiteralString] = (
    """
select n, 'deal-acme-' || deal as stream, 1 as version, 'DealOpened' as name,
       json_build_object('deal', deal, 'customer', customer, 'partner', partner, 'at', at,
                         'pipeline', 'vehicle_financing', 'stage', stage, 'title', 'BMW Serie 4', 'value', value,
                         'vehicle_make', 'BMW', 'vehicle_model', 'Serie 4', 'vehicle_year', 2026) as data
  from made where n between %(first)s and %(last)s
""",
    """
select n, 'deal-acme-' || deal as stream, 2 as version, 'DealNeededAttention' as name,
       json_build_object('deal', deal, 'customer', customer, 'partner', partner, 'at', now, 'since', due, 'reason',
                         case when due = step_due then stage || '_unfinished' else 'inactive' end) as data
  from made where n between %(first)s and %(last)s and noticed
""",
)
VIEWS: Sequence[LiteralString] = (
    """
insert into customers (organization, id, name, email, phone, assigned_to, added_at)
select 'acme', customer, 'Lucia Fernandez ' || c, 'lucia' || c || '@example.com', '+5255' || lpad(c::text, 8, '0'),
       partner, now
  from made where shown
""",
    """
insert into attention_owners (organization, customer, assigned_to)
select 'acme', customer, partner from made where shown
""",
    """
insert into deals (organization, id, customer, partner, pipeline, stage, title, value, vehicle_make, vehicle_model,
                   vehicle_year, opened_at, touched_at)
select 'acme', deal, customer, partner, 'vehicle_financing', stage, 'BMW Serie 4', value, 'BMW', 'Serie 4', 2026, at, at
  from made
""",
    """
insert into timelines (organization, deal, position, what, detail, at)
select 'acme', deal, %(after)s + 1 + n, 'stage', stage, at from made
""",
    """
insert into attention_files (organization, deal, customer, partner, file_partner, stage, value, opened_at, touched_at,
                             step_due_at, idle_due_at, closed, shown, noticed)
select 'acme', deal, customer, partner, partner, stage, value, at, at, step_due, idle_due, false, shown,
       case when noticed then due end
  from made
""",
)
PEER: Sequence[LiteralString] = (
    """
insert into customers (organization, id, name, email, phone, partner)
select 'acme', customer, 'Lucia Fernandez ' || c, 'lucia' || c || '@example.com', '+5255' || lpad(c::text, 8, '0'),
       partner
  from made where shown
""",
    """
insert into files (organization, id, customer, partner, stage, value, percentage, vehicle_make, vehicle_model,
                   opened_at, touched_at, due_at, shown)
select 'acme', deal, customer, partner, stage, value, 0, 'BMW', 'Serie 4', at, at, due, shown from made
""",
)


def people(rows: int, now: datetime) -> Iterator[world.Happened]:
    """The customers."""
    for number in range(rows // FILES):
        client = f"client_{number:07}"
        yield (
            customer.stream("acme", client),
            CustomerAdded(
                customer=client,
                name=f"Lucia Fernandez {number}",
                email=f"lucia{number}@example.com",
                phone=f"+5255{number:08}",
                assigned_to=f"dlr_{number % (rows // (CUSTOMERS * FILES)):07}",
                at=now,
            ),
        )


def partners(rows: int) -> list[str]:
    """Those who look after them."""
    return [f"dlr_{number:07}" for number in range(rows // (CUSTOMERS * FILES))]
