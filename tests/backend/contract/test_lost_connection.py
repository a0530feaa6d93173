"""A connection that ends in the middle of something costs what was under way, and nothing after it."""

import pytest
from plant_backend.domain.errors import Unavailable
from plant_backend.storage.leadership import Leadership
from plant_backend.storage.postgres_store import PostgresStorage
from plant_backend.storage.transaction import SqlTransaction
from sqlalchemy import text

from tests.backend.stateful.bench import SetClock


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


async def test_whatever_goes_wrong_when_the_lead_is_asked_for_it_is_asked_for_again() -> None:
    leadership = Leadership("postgresql://plant@localhost:no-port/plants")
    await leadership.start()
    try:
        assert not leadership.is_leader
    finally:
        await leadership.stop()
