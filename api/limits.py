"""Rate limits: at most so many calls per window and subject, counted exactly in one trip to Redis.

Redis only counts; when it is away everybody may pass, because turning customers away is worse than a busy minute.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import time
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

logger = logging.getLogger(__name__)

AT_ONCE = 500
"""How many calls go to Redis together at most."""
OPEN = 2.0
"""Seconds for which everybody may pass once Redis did not answer."""

# ARGV: now (ms), then for each call its number of policies, a unique member, and limit and window (ms) per policy.
# KEYS: for each call a sorted set per policy and subject. A call counts only when every policy of it lets it pass.
# Answers, for each call: whether it is refused, then per policy how many are left and when one frees up (ms).
SCRIPT = """
local now, answer, argument, key = tonumber(ARGV[1]), {}, 2, 0
while ARGV[argument] do
  local policies, member = tonumber(ARGV[argument]), ARGV[argument + 1]
  local refused, found, used = 0, {}, {}
  for i = 1, policies do
    local limit, window = tonumber(ARGV[argument + 2 * i]), tonumber(ARGV[argument + 2 * i + 1])
    local name = KEYS[key + i]
    redis.call('ZREMRANGEBYSCORE', name, '-inf', now - window)
    used[i] = redis.call('ZCARD', name)
    local oldest = redis.call('ZRANGE', name, 0, 0, 'WITHSCORES')
    found[i] = oldest[2] and (tonumber(oldest[2]) + window - now) or window
    if used[i] >= limit then refused = 1 end
  end
  answer[#answer + 1] = refused
  for i = 1, policies do
    local limit, window = tonumber(ARGV[argument + 2 * i]), tonumber(ARGV[argument + 2 * i + 1])
    if refused == 0 then
      redis.call('ZADD', KEYS[key + i], now, member)
      redis.call('PEXPIRE', KEYS[key + i], window)
      used[i] = used[i] + 1
    end
    answer[#answer + 1] = limit - used[i]
    answer[#answer + 1] = found[i]
  end
  argument, key = argument + 2 + 2 * policies, key + policies
end
return answer
"""


class Policy(msgspec.Struct, frozen=True):
    """At most `limit` calls in any `seconds`."""

    name: str
    limit: int
    seconds: int


class Verdict(msgspec.Struct, frozen=True):
    """What the tightest policy says; `retry_after` in seconds, when refused."""

    allowed: bool
    limit: int
    remaining: int
    reset: int
    retry_after: int = 0

    def headers(self) -> list[tuple[str, str]]:
        """X-RateLimit-* and, when refused, Retry-After. X-RateLimit-Reset is a Unix time in seconds."""
        shown = [
            ("X-RateLimit-Limit", str(self.limit)),
            ("X-RateLimit-Remaining", str(max(0, self.remaining))),
            ("X-RateLimit-Reset", str(self.reset)),
        ]
        return shown if self.allowed else [*shown, ("Retry-After", str(self.retry_after))]


Check = tuple[Policy, str]
"""A policy, and the subject to count for."""
Waiting = tuple[Sequence[Check], "asyncio.Future[Verdict | None]"]


class Limits:
    """Counts calls against policies. Calls that come while Redis is asked are counted together in the next turn, so a
    crowd costs one trip and never waits for a connection."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._sha: str | None = None
        self._unique = uuid.uuid4().hex  # of this process among those of every machine
        self._count = itertools.count()
        self._open_until = 0.0
        self._waiting: deque[Waiting] = deque()
        self._asking: asyncio.Task[None] | None = None

    async def count(self, *checks: Check) -> Verdict | None:
        """Count one call against each policy. None when Redis is away, or nothing is to be counted: let it pass."""
        if not checks:
            return None
        answer: asyncio.Future[Verdict | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((checks, answer))
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        return await answer

    async def _ask(self) -> None:
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
                try:
                    verdicts = await self._count_all([checks for checks, _ in batch])
                except Exception as error:  # a fault of ours must reach the callers, and not leave others waiting
                    for _, answer in batch:
                        if not answer.done():
                            answer.set_exception(error)
                    continue
                for (_, answer), verdict in zip(batch, verdicts, strict=True):
                    if not answer.done():  # whoever asked may have gone away
                        answer.set_result(verdict)
                await asyncio.sleep(0)  # whoever was answered runs first, and what comes next goes along
        finally:
            self._asking = None

    async def _count_all(self, calls: Sequence[Sequence[Check]]) -> Sequence[Verdict | None]:
        now = time.time()
        if now < self._open_until:
            return [None] * len(calls)
        keys: list[str] = []
        arguments: list[Any] = [int(now * 1000)]
        for checks in calls:
            arguments += [len(checks), f"{self._unique}-{next(self._count)}"]
            for policy, subject in checks:
                keys.append(f"limit:{policy.name}:{subject}")
                arguments += [policy.limit, policy.seconds * 1000]
        try:
            answer = iter(await self._call(keys, arguments))
        except (RedisError, OSError) as error:
            # One that hangs costs its time-out: whoever comes next should not have to wait as well.
            self._open_until = time.time() + OPEN
            logger.warning("limits are open, Redis is away: %s", error)
            return [None] * len(calls)
        return [_verdict(checks, now, answer) for checks in calls]

    async def _call(self, keys: list[str], arguments: list[Any]) -> list[int]:
        if self._sha is not None:
            try:
                return await self._redis.evalsha(self._sha, len(keys), *keys, *arguments)  # type: ignore[misc]
            except NoScriptError:  # Redis was emptied
                pass
        self._sha = await self._redis.script_load(SCRIPT)
        return await self._redis.evalsha(self._sha, len(keys), *keys, *arguments)  # type: ignore[misc]


def _verdict(checks: Sequence[Check], now: float, answer: Iterator[int]) -> Verdict:
    """What was answered about one call. The tightest policy speaks; of several that refuse, the one that frees up
    last."""
    refused = bool(next(answer))
    verdicts = [
        Verdict(
            allowed=not refused,
            limit=policy.limit,
            remaining=next(answer),
            reset=math.ceil(now + (frees := next(answer)) / 1000),
            retry_after=max(1, math.ceil(frees / 1000)),
        )
        for policy, _ in checks
    ]
    return min(verdicts, key=lambda verdict: (verdict.remaining > 0, verdict.remaining, -verdict.retry_after))
