"""The connections, and the tables."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy import BigInteger, Index, String, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import DateTime

engine = create_async_engine(os.environ["DATABASE_URL"], pool_size=20, max_overflow=0)
sessions = async_sessionmaker(engine, expire_on_commit=False)


async def session() -> AsyncIterator[AsyncSession]:
    async with sessions() as opened:
        yield opened


Session = Annotated[AsyncSession, Depends(session)]


class Base(DeclarativeBase):
    """Every table belongs to an organisation first."""

    type_annotation_map = {datetime: DateTime(timezone=True), str: String, int: BigInteger}  # noqa: RUF012

    organization: Mapped[str] = mapped_column(primary_key=True, sort_order=-1)


class GoalRow(Base):
    __tablename__ = "goals"

    partner: Mapped[str] = mapped_column(primary_key=True)
    month: Mapped[str] = mapped_column(primary_key=True)
    goal: Mapped[str]
    amount: Mapped[int]
    earned: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]


class CustomerRow(Base):
    __tablename__ = "customers"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    partner: Mapped[str]


class FileRow(Base):
    """`due_at` is kept up to date by whatever moves the file, so that what is due can be asked of an index."""

    __tablename__ = "files"

    id: Mapped[str] = mapped_column(primary_key=True)
    customer: Mapped[str]
    partner: Mapped[str]
    stage: Mapped[str]
    value: Mapped[int]
    percentage: Mapped[int] = mapped_column(default=0)
    vehicle_make: Mapped[str | None]
    vehicle_model: Mapped[str | None]
    opened_at: Mapped[datetime]
    touched_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    shown: Mapped[bool] = mapped_column(default=True)


Index(
    "files_by_partner", FileRow.organization, FileRow.partner, FileRow.due_at, postgresql_where=FileRow.shown.is_(True)
)


class GroupRow(Base):
    __tablename__ = "groups"

    id: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    name: Mapped[str]


class ContactRow(Base):
    __tablename__ = "contacts"

    id: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    name: Mapped[str]
    phone: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)


class ContactGroupRow(Base):
    __tablename__ = "contact_groups"

    group: Mapped[str] = mapped_column(primary_key=True)
    contact: Mapped[str] = mapped_column(primary_key=True)


class MessageRow(Base):
    """What was sent, delivered and failed is counted in the row itself."""

    __tablename__ = "messages"

    id: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    content: Mapped[str] = mapped_column(Text)
    status: Mapped[str]
    status_reason: Mapped[str | None]
    status_at: Mapped[datetime]
    scheduled_for: Mapped[datetime | None]
    timezone: Mapped[str | None]
    copy_of: Mapped[str | None]
    attempt: Mapped[int] = mapped_column(default=1)
    recipient_count: Mapped[int] = mapped_column(default=0)
    sent_count: Mapped[int] = mapped_column(default=0)
    delivered_count: Mapped[int] = mapped_column(default=0)
    failed_count: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


Index("messages_by_owner", MessageRow.organization, MessageRow.owner, MessageRow.scheduled_for, MessageRow.id)


class MessageGroupRow(Base):
    __tablename__ = "message_groups"

    message: Mapped[str] = mapped_column(primary_key=True)
    group: Mapped[str] = mapped_column(primary_key=True)


class ProductRow(Base):
    __tablename__ = "products"

    id: Mapped[str] = mapped_column(primary_key=True)
    active: Mapped[bool] = mapped_column(default=True)


class CartRow(Base):
    """A cart is one row: it is always read and written whole."""

    __tablename__ = "carts"

    shopper: Mapped[str] = mapped_column(primary_key=True)
    items: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
