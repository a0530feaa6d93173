"""Targets of notifications as they are kept."""

from dataclasses import replace

from plant_backend.domain.language import Language
from plant_backend.domain.notification import TargetSettings
from plant_backend.storage.driver import raw
from plant_backend.storage.store import SqlStorage

from tests.backend.storage.conftest import a_device
from tests.builders import NOW


async def test_a_target_keeps_its_language(storage: SqlStorage) -> None:
    """One of a newer version is told in English; a row that cannot be read would keep all others from being told."""
    user = (await a_device(storage)).owner_id
    phone = TargetSettings("phone", language=Language.GERMAN)
    made = await storage.write(lambda tx: tx.notifications.add(user, phone, "json", "", b"", NOW))
    assert made.settings == phone

    english = replace(phone, language=Language.ENGLISH)
    await storage.write(lambda tx: tx.notifications.change(made.id, english))
    assert (await storage.read(lambda tx: tx.notifications.get(user, made.id))).settings == english

    await storage.write(
        lambda tx: raw(tx.notifications._connection).execute("UPDATE notification_targets SET language = 'eo'")
    )
    assert (await storage.read(lambda tx: tx.notifications.get(user, made.id))).settings == english
