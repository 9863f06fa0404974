"""Who calls, by their token, unless they call too often."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Collection
from typing import Annotated, Any

import jwt
from fastapi import Header, HTTPException, Response
from pydantic import BaseModel
from redis.asyncio import Redis

redis = Redis.from_url(os.environ["REDIS_URL"])
secret = os.environ["BITACORA_SECRET"]


class Caller(BaseModel):
    organization: str
    id: str


def calls(name: str, roles: Collection[str], per_minute: int) -> Callable[..., Awaitable[Caller]]:
    """The dependency of a frontend's routes."""

    async def caller(response: Response, authorization: Annotated[str, Header()]) -> Caller:
        try:
            claims: dict[str, Any] = jwt.decode(authorization.removeprefix("Bearer "), secret, algorithms=["HS256"])
        except jwt.PyJWTError:
            raise HTTPException(401) from None
        if claims["role"] not in roles:
            raise HTTPException(403)
        found = Caller(organization=claims["org"], id=claims["sub"])
        key = f"limit:{name}:{found.organization}/{found.id}"
        async with redis.pipeline(transaction=False) as pipeline:
            pipeline.incr(key)
            pipeline.expire(key, 60, nx=True)
            count, _ = await pipeline.execute()
        response.headers["X-RateLimit-Limit"] = str(per_minute)
        response.headers["X-RateLimit-Remaining"] = str(max(0, per_minute - count))
        if count > per_minute:
            raise HTTPException(429)
        return found

    return caller


partner = calls("pazz", {"partner"}, 100)
staff = calls("scheduler", {"admin", "manager", "sales", "agent"}, 600)
shopper = calls("tienda", {"shopper"}, 1_200)
