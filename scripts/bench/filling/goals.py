"""Goals: every partner has set one for this month and for the nine before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import LiteralString

from scripts.bench import world

MONTHS = 10

MADE: LiteralString = """
select n, 'goal_' || lpad(n::text, 7, '0') as goal, 'usr_' || lpad(mod(n, %(rows)s / 10)::text, 7, '0') as partner,
       to_char(%(now)s at time zone 'America/Mexico_City' - (n / (%(rows)s / 10)) * interval '1 month', 'YYYY-MM')
           as month, %(now)s as at
  from generate_series(0, %(rows)s - 1) n
"""
EVENTS: Sequence[LiteralString] = (
    """
select n, 'goal-acme-' || partner || '-' || month as stream, 1 as version, 'GoalSet' as name,
       json_build_object('goal', goal, 'partner', partner, 'month', month, 'amount', 2500000, 'at', at) as data
  from made where n between %(first)s and %(last)s
""",
)
VIEWS: Sequence[LiteralString] = (
    """
insert into goals (organization, partner, month, goal, amount, created_at)
select 'acme', partner, month, goal, 2500000, at from made
""",
)
PEER: Sequence[LiteralString] = (
    """
insert into goals (organization, partner, month, goal, amount, earned, created_at)
select 'acme', partner, month, goal, 2500000, 0, at from made
""",
)


def people(rows: int, now: datetime) -> Iterator[world.Happened]:
    return iter(())


def partners(rows: int) -> list[str]:
    """Those who have set them."""
    return [f"usr_{number:07}" for number in range(rows // MONTHS)]
