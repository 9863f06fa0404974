"""Row 3: a command over HTTP: a partner sets this month's goal, and the answer shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scripts.bench import measure, web
from scripts.bench.measure import Plan, Round, Verdict
from scripts.bench.stage import Stage

TITLE = "a command over HTTP: set this month's goal, with token, rate limit and an answer that shows it"
UNIT = "requests"
REFERENCE = web.CRUD


def rounds(stage: Stage, plan: Plan, tick: measure.Tick) -> Iterator[Round]:
    with web.contenders(stage, plan, "set") as contenders:
        tick()
        yield from measure.interleave(plan, contenders, web.cases(plan), tick)


def total(plan: Plan) -> int:
    return web.total(plan)


def verdicts(found: Sequence[Round]) -> list[Verdict]:
    return web.verdicts(found, "HTTP command", of_crud=2.0, of_bare=0.5)
