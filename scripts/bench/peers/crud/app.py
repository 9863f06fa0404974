"""The application: `uvicorn scripts.bench.peers.crud.app:app`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from scripts.bench.peers.crud import cart, clients, goals, messages
from scripts.bench.peers.crud.database import Base, engine


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)
for part in (goals, clients, messages, cart):
    app.include_router(part.router)


@app.get("/health/ready")
async def ready() -> dict[str, str]:
    return {"status": "ready"}
