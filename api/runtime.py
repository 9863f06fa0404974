"""What every frontend shares in one API process: connections, the store, limits, the hub. Opened and closed once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

from redis.asyncio import BlockingConnectionPool, Redis

from api.access import Passwords, Revocations, Tokens
from api.hub import Hub
from api.limits import Limits
from eventstore.connect import AsyncConnection, pool
from eventstore.execute import Store
from eventstore.log import Log
from eventstore.mapper import Mapper
from eventstore.reading import Reader, Source
from eventstore.sealing import Vault
from eventstore.writer import Writer
from projections import VIEWS
from projections.horizon import Horizon
from settings import Settings

POOL_SIZE = 12
REDIS_CONNECTIONS = 16
REDIS_PATIENCE = 1.0
"""Seconds that a call to Redis may take."""


class Runtime:
    """Use as `async with Runtime(settings)`. `clock` says the time that commands carry and queries ask about; `views`
    is where they ask: short questions of many requests go out together."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.settings = settings
        self.clock = clock
        self.vault = Vault(settings.master_key)
        self.log = Log(Mapper(), self.vault)
        self.pool = pool(settings.database_url, "api", POOL_SIZE)
        self.views = Reader(settings.database_url)
        self.writer = Writer(settings.database_url)
        self._streams = Reader(settings.database_url)  # apart: no page may hold up a command
        self.store = Store(self.pool, self.writer, self.log, self._streams)
        self.horizon = Horizon(settings.database_url, VIEWS)
        longest = max(settings.tienda_token_seconds, settings.scheduler_token_seconds)
        self.tokens = Tokens(settings.secret, settings.access_token_seconds, longest)
        self.passwords = Passwords()
        # Timeouts keep a hanging Redis from holding requests: limits then stand open. They ask one thing at a time; who
        # asks beside them waits for a connection instead of being refused one.
        self.redis = Redis.from_pool(
            BlockingConnectionPool.from_url(
                settings.redis_url,
                max_connections=REDIS_CONNECTIONS,
                timeout=REDIS_PATIENCE,
                socket_timeout=REDIS_PATIENCE,
                socket_connect_timeout=REDIS_PATIENCE,
            )
        )
        self.limits = Limits(self.redis)
        self.hub = Hub(self.pool, self.log, self.horizon)
        self._opened = AsyncExitStack()
        self._at_end: list[Callable[[], Awaitable[object]]] = []

    def at_end(self, callback: Callable[[], Awaitable[object]]) -> None:
        """Call this before anything else is closed: a frontend lets its connections go."""
        self._at_end.append(callback)

    async def __aenter__(self) -> Runtime:
        opened = self._opened
        opened.callback(self.passwords.close)
        opened.push_async_callback(self.redis.aclose)
        opened.push_async_callback(self.pool.close)
        await self.pool.open()
        await opened.enter_async_context(self.views)
        await opened.enter_async_context(self._streams)
        await opened.enter_async_context(self.writer)
        await opened.enter_async_context(self.horizon)
        await opened.enter_async_context(Revocations(self.settings.database_url, self.tokens))
        await opened.enter_async_context(self.hub)
        for callback in self._at_end:
            opened.push_async_callback(callback)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._opened.aclose()

    @asynccontextmanager
    async def source(self, *, long: bool) -> AsyncIterator[Source]:
        """Where to ask what may take long, such as a search through everything, or else is short."""
        if not long:
            yield self.views
            return
        async with self.connection() as connection:
            yield connection

    def connection(self):
        """A connection for what takes long, writes, or has to see one state: `async with runtime.connection()`."""
        return self.pool.connection()


__all__ = ["AsyncConnection", "Runtime"]
