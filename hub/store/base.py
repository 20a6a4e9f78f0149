"""The base of all tables: names of constraints, types, and the id that outsiders see."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

import uuid_utils
from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, MetaData, Numeric, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time in UTC; a naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"time without a zone: {value!r}")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, _: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Money(TypeDecorator[Decimal]):
    """An amount, exact: kept as whole millionths, so that both databases compare and sum it without a float.

    Raises:
        ValueError: it is finer than a millionth, or larger than the column holds.
    """

    impl = BigInteger
    cache_ok = True
    PLACES = 6
    MOST = Decimal(9 * 10**12)  # of any currency; a 64-bit integer of millionths holds a little more

    def process_bind_param(self, value: Decimal | int | None, dialect: Dialect) -> int | None:
        del dialect
        if value is None:
            return None
        scaled = Decimal(value).scaleb(self.PLACES)
        if scaled != scaled.to_integral_value() or abs(scaled) > self.MOST.scaleb(self.PLACES):
            raise ValueError(f"no amount that can be kept: {value!r}")
        return int(scaled)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        del dialect
        return None if value is None else Decimal(int(value)).scaleb(-self.PLACES)


Json = JSON().with_variant(JSONB(), "postgresql")
Key = BigInteger().with_variant(Integer(), "sqlite")  # SQLite counts up only INTEGER keys


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def new_public_id() -> UUID:
    """A UUIDv7: grows with time, says nothing else."""
    return UUID(bytes=uuid_utils.uuid7().bytes)


class Base(DeclarativeBase):
    """Base of every table."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        int: Key,
        str: Text(),
        datetime: UtcDateTime(),
        dict[str, Any]: Json,
        list[Any]: Json,
        Decimal: Numeric(18, 4),
        UUID: Uuid(),
    }


class PublicId:
    """Mixin: the id that pages, the API and other systems use."""

    # As a sentinel it tells which of many rows inserted at once got which id; else SQLAlchemy inserts them one by one in SQLite.
    public_id: Mapped[UUID] = mapped_column(unique=True, default=new_public_id, insert_sentinel=True)
