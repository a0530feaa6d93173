"""The plain reference: what a competent person would write first. FastAPI, pydantic, an async ORM, a commit a request.

It does the work of the backend's `POST /telemetry` and nothing more: it knows the node by its token, refuses unknown
sensors, keeps history and the latest values, and answers a repeated batch without storing it twice. No rules run.
Its tables are the obvious ones: UUID text keys, foreign keys, indexes where they are looked up. SQLite runs in WAL mode
with `synchronous=NORMAL`: what it has answered survives a crash of the process, not a power cut.
"""

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import jwt
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat
from sqlalchemy import ForeignKey, Index, event, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

DATABASE = os.environ.get("REFERENCE_DATABASE", "reference.sqlite")
DEVICES = int(os.environ.get("REFERENCE_DEVICES", "1"))
SENSOR_KEYS = os.environ.get("REFERENCE_SENSORS", "soil").split(",")
KEY = "a key that signs the tokens of the plain reference"

_NAMESPACE = uuid.UUID("6f1c2d00-0000-4000-8000-000000000000")


class Base(DeclarativeBase):
    """All tables."""


class Device(Base):
    """A node's record."""

    __tablename__ = "devices"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]


class Sensor(Base):
    """A channel that measures."""

    __tablename__ = "sensors"
    __table_args__ = (Index("uq_sensors_device_id_key", "device_id", "key", unique=True),)
    id: Mapped[str] = mapped_column(primary_key=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"))
    key: Mapped[str]


class Reading(Base):
    """One value of history."""

    __tablename__ = "readings"
    sensor_id: Mapped[str] = mapped_column(ForeignKey("sensors.id"), primary_key=True)
    ts: Mapped[datetime] = mapped_column(primary_key=True)
    value: Mapped[float]


class Latest(Base):
    """The newest value of a sensor."""

    __tablename__ = "latest"
    sensor_id: Mapped[str] = mapped_column(ForeignKey("sensors.id"), primary_key=True)
    ts: Mapped[datetime]
    value: Mapped[float]


class AcceptedBatch(Base):
    """What makes a repeat harmless."""

    __tablename__ = "accepted_batches"
    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    batch_id: Mapped[str] = mapped_column(primary_key=True)
    accepted: Mapped[int]
    received_at: Mapped[datetime]


class ReadingIn(BaseModel):
    """One reading as it comes in."""

    model_config = ConfigDict(extra="forbid")
    sensor: str
    value: FiniteFloat
    age_ms: int = Field(ge=0, le=31 * 24 * 3600 * 1000)


class BatchIn(BaseModel):
    """The body of a request."""

    model_config = ConfigDict(extra="forbid")
    batch_id: str = Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$")
    boot_id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._:-]{1,64}$")
    readings: list[ReadingIn] = Field(max_length=500)


class Receipt(BaseModel):
    """The answer."""

    accepted: int
    duplicate: bool


def device_id(number: int) -> str:
    """Give the id of the n-th device, from 0."""
    return str(uuid.uuid5(_NAMESPACE, f"device {number}"))


def token(number: int) -> str:
    """Give an access token of the n-th device."""
    expires_at = datetime.now(UTC) + timedelta(minutes=15)
    return jwt.encode({"sub": device_id(number), "exp": expires_at}, KEY, algorithm="HS256")


# One connection: writers then wait their turn here, and not in SQLite's busy handler, which sleeps and polls.
engine = create_async_engine(f"sqlite+aiosqlite:///{DATABASE}", pool_size=1, max_overflow=0)
sessions = async_sessionmaker(engine, expire_on_commit=False)


@event.listens_for(engine.sync_engine, "connect")
def _configure(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@asynccontextmanager
async def _lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with sessions() as session:
        for number in range(DEVICES):
            session.add(Device(id=device_id(number), name=f"Device {number}"))
            await session.flush()
            session.add_all(Sensor(id=str(uuid.uuid4()), device_id=device_id(number), key=key) for key in SENSOR_KEYS)
        await session.commit()
    yield
    await engine.dispose()


app = FastAPI(lifespan=_lifespan)


async def _session() -> AsyncIterator[AsyncSession]:
    async with sessions() as session:
        yield session


SessionDep = Annotated[AsyncSession, Depends(_session)]


async def _device_id(authorization: Annotated[str, Header()]) -> str:
    try:
        claims = jwt.decode(authorization.removeprefix("Bearer "), KEY, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        raise HTTPException(401, "The access token is not valid.") from None
    return str(claims["sub"])


@app.get("/readyz", status_code=204)
async def ready() -> None:
    """Answer once the tables are there."""


@app.post("/telemetry", status_code=202)
async def accept(batch: BatchIn, session: SessionDep, device: Annotated[str, Depends(_device_id)]) -> Receipt:
    """Store a batch, its readings and the latest values in one transaction."""
    received_at = datetime.now(UTC).replace(tzinfo=None)
    known = await session.get(AcceptedBatch, (device, batch.batch_id))
    if known is not None:
        return Receipt(accepted=known.accepted, duplicate=True)
    keys = {reading.sensor for reading in batch.readings}
    rows = await session.execute(
        select(Sensor, Latest)
        .outerjoin(Latest, Latest.sensor_id == Sensor.id)
        .where(Sensor.device_id == device, Sensor.key.in_(keys))
    )
    sensors: dict[str, tuple[Sensor, Latest | None]] = {sensor.key: (sensor, latest) for sensor, latest in rows.all()}
    if len(sensors) != len(keys):
        raise HTTPException(422, "This device has no such sensor.")
    for reading in batch.readings:
        sensor, latest = sensors[reading.sensor]
        ts = received_at - timedelta(milliseconds=reading.age_ms)
        session.add(Reading(sensor_id=sensor.id, ts=ts, value=reading.value))
        if latest is None:
            latest = Latest(sensor_id=sensor.id, ts=ts, value=reading.value)
            session.add(latest)
            sensors[reading.sensor] = sensor, latest
        elif ts > latest.ts:
            latest.ts, latest.value = ts, reading.value
    session.add(
        AcceptedBatch(device_id=device, batch_id=batch.batch_id, accepted=len(batch.readings), received_at=received_at)
    )
    await session.commit()
    return Receipt(accepted=len(batch.readings), duplicate=False)
