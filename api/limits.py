"""Rate limits: at most so many calls per window and subject, counted exactly in one Redis call.

Redis only counts; when it is away everybody may pass, because turning customers away is worse than a busy minute.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import time
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

logger = logging.getLogger(__name__)

AT_ONCE = 12
"""How many calls ask Redis at the same time; the runtime's pool has more connections than that."""
OPEN = 2.0
"""Seconds for which everybody may pass once Redis did not answer."""

# KEYS: one sorted set per policy and subject. ARGV: now (ms), a unique member, then limit and window (ms) per key.
# A call counts only when every policy lets it pass. Answers, per key: how many are left, and when one frees up (ms).
SCRIPT = """
local now, member = tonumber(ARGV[1]), ARGV[2]
local answer, refused = {}, false
for i, key in ipairs(KEYS) do
  local limit, window = tonumber(ARGV[1 + 2 * i]), tonumber(ARGV[2 + 2 * i])
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - window)
  local used = redis.call('ZCARD', key)
  local oldest = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  local frees = oldest[2] and (tonumber(oldest[2]) + window - now) or window
  if used >= limit then refused = true end
  answer[2 * i - 1], answer[2 * i] = limit - used, frees
end
if not refused then
  for i, key in ipairs(KEYS) do
    redis.call('ZADD', key, now, member)
    redis.call('PEXPIRE', key, tonumber(ARGV[2 + 2 * i]))
    answer[2 * i - 1] = answer[2 * i - 1] - 1
  end
end
return {refused and 1 or 0, answer}
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


class Limits:
    """Counts calls against policies."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._sha: str | None = None
        self._unique = uuid.uuid4().hex  # of this process among those of every machine
        self._count = itertools.count()
        self._open_until = 0.0
        # A crowd takes turns here: waiting for a connection is no sign that Redis is away.
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def count(self, *checks: tuple[Policy, str]) -> Verdict | None:
        """Count one call against each (policy, subject). None when Redis is away: let it pass."""
        async with self._turns:
            return await self._count_now(checks)

    async def _count_now(self, checks: Sequence[tuple[Policy, str]]) -> Verdict | None:
        now = time.time()
        if now < self._open_until:
            return None
        keys = [f"limit:{policy.name}:{subject}" for policy, subject in checks]
        arguments: list[Any] = [int(now * 1000), f"{self._unique}-{next(self._count)}"]
        for policy, _ in checks:
            arguments += [policy.limit, policy.seconds * 1000]
        try:
            refused, answer = await self._call(keys, arguments)
        except (RedisError, OSError) as error:
            # One that hangs costs its time-out: whoever comes next should not have to wait as well.
            self._open_until = time.time() + OPEN
            logger.warning("limits are open, Redis is away: %s", error)
            return None
        verdicts = [
            Verdict(
                allowed=not refused,
                limit=policy.limit,
                remaining=answer[2 * i],
                reset=math.ceil(now + answer[2 * i + 1] / 1000),
                retry_after=max(1, math.ceil(answer[2 * i + 1] / 1000)),
            )
            for i, (policy, _) in enumerate(checks)
        ]
        # The tightest one speaks; of several that refuse, the one that frees up last.
        return min(verdicts, key=lambda verdict: (verdict.remaining > 0, verdict.remaining, -verdict.retry_after))

    async def _call(self, keys: list[str], arguments: list[Any]) -> tuple[int, list[int]]:
        if self._sha is not None:
            try:
                return await self._redis.evalsha(self._sha, len(keys), *keys, *arguments)  # type: ignore[misc]
            except NoScriptError:  # Redis was emptied
                pass
        self._sha = await self._redis.script_load(SCRIPT)
        return await self._redis.evalsha(self._sha, len(keys), *keys, *arguments)  # type: ignore[misc]
