"""A connection that ends in the middle of something costs what was under way, and nothing after it."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from plant_backend.domain.errors import Unavailable
from plant_backend.storage.leadership import Leadership
from plant_backend.storage.postgres import WRITE_LOCK, PostgresDriver, connect
from plant_backend.storage.postgres_store import PostgresStorage
from plant_backend.storage.transaction import SqlTransaction
from sqlalchemy import text

from tests.backend.stateful.bench import SetClock
from tests.live_backend import eventually


def end_own_connection(tx: SqlTransaction) -> None:
    tx.connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))


def one(tx: SqlTransaction) -> int:
    return int(tx.connection.execute(text("SELECT 1")).scalar_one())


async def test_a_connection_lost_in_a_statement_is_made_anew_by_the_next(postgres_url: str) -> None:
    storage = PostgresStorage(postgres_url, SetClock())
    await storage.open()
    try:
        assert await storage.write(one) == 1
        for _ in range(2):
            with pytest.raises(Unavailable):
                await storage.write(end_own_connection)
            assert await storage.write(one) == 1
            assert await storage.read(one) == 1
    finally:
        await storage.close()


async def test_a_read_that_stood_still_for_too_long_is_asked_again(postgres_url: str) -> None:
    """The process was frozen: the server has ended its transaction."""
    frozen = 0

    def freeze(times: int) -> Callable[[SqlTransaction], int]:
        def work(tx: SqlTransaction) -> int:
            nonlocal frozen
            if frozen < times:
                frozen += 1
                tx.connection.execute(text("SET idle_in_transaction_session_timeout = 50"))
                pid = tx.connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
                with closing(connect(postgres_url)) as other:
                    there = f"SELECT FROM pg_stat_activity WHERE pid = {pid}".encode()
                    assert eventually(lambda: other.execute(there).fetchone() is None)
            return one(tx)

        return work

    storage = PostgresStorage(postgres_url, SetClock())
    await storage.open()
    try:
        assert await storage.read(freeze(1)) == 1
        with pytest.raises(Unavailable) as refused:
            await storage.read(freeze(100))
        assert refused.value.retry_after_s
        assert await storage.read(one) == 1
    finally:
        await storage.close()


async def test_who_waited_for_the_lock_in_vain_says_so_and_does_not_wait_again(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node gives its request up after some seconds: it is to hear before that, and not twice as late."""
    storage = PostgresStorage(postgres_url, SetClock(), may_lead=False, look_every_s=3600)
    await storage.open()
    tries: list[str] = []
    real = PostgresDriver.execute

    def execute(self: PostgresDriver, sql: str, *more: Any) -> Any:
        if "pg_advisory_xact_lock" in sql:
            tries.append(sql)
            real(self, "SET LOCAL lock_timeout = '200ms'")
        return real(self, sql, *more)

    monkeypatch.setattr(PostgresDriver, "execute", execute)
    try:
        with closing(connect(postgres_url)) as other:
            other.execute(f"SELECT pg_advisory_lock({WRITE_LOCK})".encode())
            with pytest.raises(Unavailable):
                await storage.write(one)
            assert len(tries) == 1
            # To hang up lets the lock go as well, though only when the server gets to it.
            other.execute(f"SELECT pg_advisory_unlock({WRITE_LOCK})".encode())
        assert await storage.write(one) == 1
    finally:
        await storage.close()


async def test_whatever_goes_wrong_when_the_lead_is_asked_for_it_is_asked_for_again() -> None:
    leadership = Leadership("postgresql://plant@localhost:no-port/plants")
    await leadership.start()
    try:
        assert not leadership.is_leader
    finally:
        await leadership.stop()
