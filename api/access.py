"""Access tokens, passwords, and which sign-ins are over."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import argon2
import jwt
import psycopg

from api.context import Caller
from eventstore import sign_ins
from eventstore.connect import AsyncConnection, connect_async

logger = logging.getLogger(__name__)

T = TypeVar("T")

ALGORITHM = "HS256"
CLAIMS = ["exp", "sub", "org", "role", "acc", "sid"]
REMEMBERED = 10_000
FIRST_LOOK = 3.0
"""Seconds that a starting process waits to learn which sign-ins are over."""
HASHING_THREADS = 2
"""Argon2 takes tens of megabytes and milliseconds; more at once would starve the requests beside it."""
MOST_WAITING = 100
"""How many passwords may wait for a thread: some seconds' worth. More are refused, for nobody would wait longer."""


class Unauthorized(Exception):
    """No token, or one that is malformed, expired, revoked or signed by somebody else."""


class Revoked(Unauthorized):
    """The token's sign-in is over; `caller` is who held it."""

    def __init__(self, caller: Caller) -> None:
        super().__init__("revoked")
        self.caller = caller


class Busy(Exception):
    """Too many passwords wait to be checked already."""


class Tokens:
    """Issues and reads access tokens. A token that was read once is remembered until it expires. `lifetime` is how long
    they live unless a frontend says otherwise, at most `longest`."""

    def __init__(self, secret: str, lifetime: int, longest: int = 0) -> None:
        self._secret = secret
        self.lifetime = lifetime
        self.longest = max(lifetime, longest)
        self._read: OrderedDict[str, tuple[Caller, float]] = OrderedDict()
        self._revoked: set[str] = set()
        self._listeners: list[Callable[[str], None]] = []

    def issue(self, caller: Caller, lifetime: int | None = None) -> str:
        """A token for the caller, valid for `lifetime` seconds."""
        now = int(time.time())
        lifetime = min(lifetime or self.lifetime, self.longest)
        claims = {
            "sub": caller.id,
            "org": caller.organization,
            "role": caller.role,
            "acc": caller.account,
            "sid": caller.sign_in,
            "iat": now,
            "exp": now + lifetime,
        }
        if caller.region:
            claims["reg"] = caller.region
        return jwt.encode(claims, self._secret, algorithm=ALGORITHM)

    def caller(self, token: str) -> Caller:
        """Who holds this token. Raises `Unauthorized`."""
        known = self._read.get(token)
        if known is None:
            known = self._decode(token)
            self._read[token] = known
            if len(self._read) > REMEMBERED:
                self._read.popitem(last=False)
        caller, expires = known
        if expires <= time.time():
            self._read.pop(token, None)
            raise Unauthorized("expired")
        self.refuse_ended(caller)
        return caller

    def holder(self, token: str) -> Caller:
        """Who was given this token, which may have expired: not enough to let anybody in. Raises `Unauthorized`."""
        return self._decode(token, expired=True)[0]

    def refuse_ended(self, caller: Caller) -> None:
        """Raise `Revoked` when the sign-in is known to be over."""
        if caller.sign_in in self._revoked:
            raise Revoked(caller)

    def on_revoked(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with every sign-in that ends, such as to cut its sockets; it must not block."""
        self._listeners.append(listener)

    def revoke(self, *sign_ins: str) -> None:
        """Refuse the tokens of these sign-ins from now on."""
        for ended in sign_ins:
            if ended not in self._revoked:
                self._revoked.add(ended)
                for listener in self._listeners:
                    listener(ended)

    def remember_only(self, sign_ins: set[str]) -> None:
        """These are all the ended sign-ins whose tokens may not have expired yet."""
        self.revoke(*sign_ins)
        self._revoked = sign_ins

    def _decode(self, token: str, *, expired: bool = False) -> tuple[Caller, float]:
        try:
            claims: dict[str, Any] = jwt.decode(
                token, self._secret, algorithms=[ALGORITHM], options={"require": CLAIMS, "verify_exp": not expired}
            )
        except jwt.PyJWTError as error:
            raise Unauthorized(str(error)) from None
        return Caller(
            id=claims["sub"],
            organization=claims["org"],
            role=claims["role"],
            account=claims["acc"],
            sign_in=claims["sid"],
            region=claims.get("reg"),
        ), float(claims["exp"])


class Passwords:
    """Argon2id in a few threads. Raises `Busy` when too many wait for one."""

    def __init__(self) -> None:
        self._hasher = argon2.PasswordHasher()
        self._threads = ThreadPoolExecutor(HASHING_THREADS, thread_name_prefix="argon2")
        self._nobody: str | None = None
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """The hash to keep."""
        return await self._run(self._hasher.hash, password)

    async def matches(self, kept: str | None, password: str) -> bool:
        """Whether the password is right. Takes the same time for an account that does not exist (`kept` is None)."""
        return await self._run(self._matches, kept, password)

    async def _run(self, work: Callable[..., T], *arguments: Any) -> T:
        if self._waiting >= MOST_WAITING:
            raise Busy
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        finally:
            self._waiting -= 1

    def _matches(self, kept: str | None, password: str) -> bool:
        if kept is None and self._nobody is None:
            self._nobody = self._hasher.hash("nobody has this password")
        try:
            self._hasher.verify(kept or self._nobody or "", password)
        except argon2.exceptions.VerificationError:
            return False
        return kept is not None

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False)


class Revocations:
    """Keeps `Tokens` up to date: every process hears of a logout when it happens."""

    def __init__(self, database_url: str, tokens: Tokens) -> None:
        self._url = database_url
        self._tokens = tokens
        self._task: asyncio.Task[None] | None = None
        self._known = asyncio.Event()

    async def __aenter__(self) -> Revocations:
        self._task = asyncio.create_task(self._follow(), name="revocations")
        # A process that starts would otherwise take a token that ended a moment ago. Without a database there is
        # nothing to read or write with it either.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_LOOK):
                await self._known.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _follow(self) -> None:
        while True:
            try:
                async with await connect_async(self._url, "revocations") as connection:
                    await connection.execute("listen revoked")
                    await self._listen(connection)
            except psycopg.Error as error:
                logger.warning("database away (%s), trying again", str(error).strip())
                await asyncio.sleep(0.2)

    async def _listen(self, connection: AsyncConnection) -> None:
        while True:
            # Older ones need no memory: their access tokens have expired by themselves.
            self._tokens.remember_only(await sign_ins.revoked_since(connection, self._tokens.longest + 60))
            self._known.set()
            async for notice in connection.notifies(timeout=300):
                self._tokens.revoke(notice.payload)
