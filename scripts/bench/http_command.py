"""Row 3: commands over HTTP, each answered with what it led to: a partner's goal, a draft, a shopper's cart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scripts.bench import callers, measure, web
from scripts.bench.measure import Plan, Round, Verdict
from scripts.bench.stage import Stage

TITLE = "a command over HTTP, with token, rate limit and an answer that shows it"
UNIT = "requests"
REFERENCE = web.CRUD


def rounds(stage: Stage, plan: Plan, tick: measure.Tick) -> Iterator[Round]:
    return web.rounds(stage, plan, tick, callers.COMMANDS)


def total(plan: Plan) -> int:
    return web.total(plan, callers.COMMANDS)


def verdicts(found: Sequence[Round]) -> list[Verdict]:
    return web.verdicts(found, "HTTP command", of_crud=2.0, of_bare=0.5)
