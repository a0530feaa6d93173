"""Profiles, thirst, and the decision ledger."""

import contextlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, insert, select, update

from plant_backend.domain.guards import dose_duration_ms
from plant_backend.domain.ledger import DecisionOutcome, DecisionRecord, UnreadableDecision, Verdict
from plant_backend.domain.model import DoseEffect, Mode, PlantSnapshot, Profile
from plant_backend.domain.reason import Reason
from plant_backend.ports import Memory
from plant_backend.storage.json_codec import decode_effect, decode_profile, decode_reasons, decode_snapshot, dump
from plant_backend.storage.tables import decisions, devices, profiles
from plant_backend.storage.times import from_ms, from_ms_or_none, to_ms


def _select() -> "Select[Any]":
    return select(decisions, devices.c.id.label("device_id")).join(
        devices, devices.c.number == decisions.c.device_number
    )


# Built once: building a statement costs several times what running it does, and these are behind every evaluation.
_PROFILE = select(profiles).where(profiles.c.device_number == bindparam("of_device"))
_MEMORY = select(devices.c.is_thirsty, devices.c.effect, devices.c.held_back_since).where(
    devices.c.number == bindparam("of_device")
)
_RECORD = insert(decisions)
_BY_ID = _select().where(decisions.c.id == bindparam("decision_id"))
_LAST = _select().where(decisions.c.device_number == bindparam("of_device")).order_by(decisions.c.id.desc()).limit(1)


class SqlAutomation:
    """Fulfils `ports.Automation`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def profile(self, device_number: int) -> tuple[Profile, int]:
        row = self._connection.execute(_PROFILE, {"of_device": device_number}).one_or_none()
        return (Profile(), 0) if row is None else (decode_profile(row.document), row.version)

    def set_profile(self, device_number: int, profile: Profile, now: datetime) -> int:
        _, version = self.profile(device_number)
        values = {"version": version + 1, "document": dump(profile), "updated_at": to_ms(now)}
        if version == 0:
            self._connection.execute(insert(profiles).values(device_number=device_number, **values))
        else:
            self._connection.execute(update(profiles).where(profiles.c.device_number == device_number).values(**values))
        return version + 1

    def memory(self, device_number: int) -> Memory:
        row = self._connection.execute(_MEMORY, {"of_device": device_number}).one_or_none()
        if row is None:
            return Memory()
        effect = DoseEffect() if row.effect is None else decode_effect(row.effect)
        return Memory(row.is_thirsty, effect, from_ms_or_none(row.held_back_since))

    def set_thirsty(self, device_number: int, is_thirsty: bool) -> None:
        self._connection.execute(update(devices).where(devices.c.number == device_number).values(is_thirsty=is_thirsty))

    def set_held_back_since(self, device_number: int, since: datetime | None) -> None:
        since_ms = None if since is None else to_ms(since)
        self._connection.execute(
            update(devices).where(devices.c.number == device_number).values(held_back_since=since_ms)
        )

    def set_effect(self, device_number: int, effect: DoseEffect) -> None:
        self._connection.execute(update(devices).where(devices.c.number == device_number).values(effect=dump(effect)))

    def record(
        self,
        device_number: int,
        at: datetime,
        outcome: DecisionOutcome,
        reasons: Sequence[Reason],
        inputs: PlantSnapshot,
        command_id: int | None,
    ) -> DecisionRecord:
        result = self._connection.execute(
            _RECORD,
            {
                "device_number": device_number,
                "at": to_ms(at),
                "mode": inputs.profile.mode,
                "outcome": outcome,
                "reasons": dump(tuple(reasons)),
                "inputs": dump(inputs),
                "command_id": command_id,
            },
        )
        (decision_id,) = result.inserted_primary_key or (0,)
        return _record(self._connection.execute(_BY_ID, {"decision_id": decision_id}).one())

    def last(self, device_number: int) -> DecisionRecord | None:
        row = self._connection.execute(_LAST, {"of_device": device_number}).one_or_none()
        found = None if row is None else _record_or_why_not(row)
        return None if isinstance(found, UnreadableDecision) else found

    def shadow_doses(self, device_number: int, since: datetime) -> Sequence[tuple[datetime, int]]:
        rows = self._connection.execute(
            select(decisions.c.at, decisions.c.inputs)
            .where(
                decisions.c.device_number == device_number,
                decisions.c.outcome == DecisionOutcome.WOULD_WATER,
                decisions.c.at > to_ms(since),
            )
            .order_by(decisions.c.id)
        )
        return [(from_ms(row.at), _dose_ms(decode_snapshot(row.inputs))) for row in rows]

    def verdicts(self, device_number: int, since: datetime, until: datetime) -> Iterator[Verdict]:
        before = (
            select(decisions.c.id)
            .where(decisions.c.device_number == device_number, decisions.c.at < to_ms(since))
            .order_by(decisions.c.id.desc())
            .limit(1)
            .scalar_subquery()
        )
        rows = self._connection.execute(
            select(decisions.c.at, decisions.c.outcome, decisions.c.reasons, decisions.c.command_id)
            .where(
                decisions.c.device_number == device_number,
                decisions.c.id >= func.coalesce(before, 0),
                decisions.c.at < to_ms(until),
            )
            .order_by(decisions.c.id)
        )
        for row in rows:
            with contextlib.suppress(ValueError):  # of a newer version, which had reasons that are not known here
                yield Verdict(
                    from_ms(row.at), DecisionOutcome(row.outcome), decode_reasons(row.reasons), row.command_id
                )

    def decisions(self, device_number: int, before_id: int | None, limit: int) -> Sequence[DecisionRecord]:
        statement = _select().where(decisions.c.device_number == device_number).order_by(decisions.c.id.desc())
        found: list[DecisionRecord] = []
        while (missing := limit - len(found)) > 0:
            page = statement if before_id is None else statement.where(decisions.c.id < before_id)
            rows = self._connection.execute(page.limit(missing)).all()
            records = [_record_or_why_not(row) for row in rows]
            found += [record for record in records if not isinstance(record, UnreadableDecision)]
            if len(rows) < missing:
                break
            before_id = rows[-1].id
        return found

    def ledger(
        self, device_id: str | None, before_id: int | None, limit: int
    ) -> Sequence[DecisionRecord | UnreadableDecision]:
        statement = _select()
        if device_id is not None:
            statement = statement.where(devices.c.id == device_id)
        if before_id is not None:
            statement = statement.where(decisions.c.id < before_id)
        rows = self._connection.execute(statement.order_by(decisions.c.id.desc()).limit(limit))
        return [_record_or_why_not(row) for row in rows]


def _dose_ms(inputs: PlantSnapshot) -> int:
    return 0 if inputs.pump is None else dose_duration_ms(inputs.profile, inputs.pump) or 0


def _record_or_why_not(row: Row[Any]) -> DecisionRecord | UnreadableDecision:
    try:
        return _record(row)
    except ValueError as error:  # msgspec's errors are of this kind, and so is an unknown name
        return UnreadableDecision(row.id, row.device_id, from_ms(row.at), str(error))


def _record(row: Row[Any]) -> DecisionRecord:
    return DecisionRecord(
        row.id,
        row.device_id,
        from_ms(row.at),
        Mode(row.mode),
        DecisionOutcome(row.outcome),
        decode_reasons(row.reasons),
        decode_snapshot(row.inputs),
        row.command_id,
    )
