"""Row 4: readings over HTTP among a hundred thousand: a goal, the clients to look after, a page of messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scripts.bench import callers, measure, web
from scripts.bench.measure import Plan, Round, Verdict
from scripts.bench.stage import Stage

TITLE = "a reading over HTTP, with token and rate limit, among 100,000 of each (10,000 with --quick)"
UNIT = "requests"
REFERENCE = web.CRUD


def rounds(stage: Stage, plan: Plan, tick: measure.Tick) -> Iterator[Round]:
    return web.rounds(stage, plan, tick, callers.READINGS)


def total(plan: Plan) -> int:
    return web.total(plan, callers.READINGS)


def verdicts(found: Sequence[Round]) -> list[Verdict]:
    return web.verdicts(found, "HTTP read", of_crud=1.5, of_bare=0.5)
