"""Row 4: a reading over HTTP: a partner looks at this month's goal, among a hundred thousand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scripts.bench import measure, web
from scripts.bench.measure import Plan, Round, Verdict
from scripts.bench.stage import Stage

TITLE = "a reading over HTTP: this month's goal, with token and rate limit, among 100,000"
UNIT = "requests"
REFERENCE = web.CRUD


def rounds(stage: Stage, plan: Plan, tick: measure.Tick) -> Iterator[Round]:
    with web.contenders(stage, plan, "see") as contenders:
        tick()
        yield from measure.interleave(plan, contenders, web.cases(plan), tick)


def total(plan: Plan) -> int:
    return web.total(plan)


def verdicts(found: Sequence[Round]) -> list[Verdict]:
    return web.verdicts(found, "HTTP read", of_crud=1.5, of_bare=0.5)
