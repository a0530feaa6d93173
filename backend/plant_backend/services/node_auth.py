"""How a node signs in, and how it stays signed in."""

import secrets as random
from collections.abc import Sequence
from dataclasses import dataclass

from plant_backend.domain.errors import InvalidCredentials, PlantError, TooManyAttempts, Unavailable
from plant_backend.domain.kinds import ActuatorKind
from plant_backend.domain.ledger import EventType
from plant_backend.domain.model import Device, Manifest
from plant_backend.ports import Bus, Clock, Storage, Transaction
from plant_backend.services import secrets
from plant_backend.services.attempts import Attempts, Refusals, network_of
from plant_backend.services.clock_watch import ClockWatch
from plant_backend.services.directory import Directory, tag
from plant_backend.services.documents import device_document
from plant_backend.services.real_time import real_ms
from plant_backend.services.retirement import settle_channels
from plant_backend.services.tokens import LIFETIME_S, AccessTokens

REUSE_WINDOW_MS = 60_000
"""How long a lost answer to a refresh may be asked for again."""

REFRESH_LIFETIME_MS = 30 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a node needs to stay signed in."""

    access_token: str
    refresh_token: str
    expires_in: int = LIFETIME_S


@dataclass(frozen=True, slots=True)
class PumpUse:
    """What a pump may have run in the last 24 hours, as far as the backend knows."""

    key: str
    used_ms: int


@dataclass(frozen=True, slots=True)
class SignedIn(TokenPair):
    """What a node gets when it signs in: one that lost its own ledger counts what its pumps ran."""

    pumps: Sequence[PumpUse] = ()


class NodeAuth:
    """Signs nodes in. Times of tokens are real ones, whatever the plants' clock says."""

    def __init__(
        self,
        storage: Storage,
        bus: Bus,
        clock: Clock,
        watch: ClockWatch,
        directory: Directory,
        tokens: AccessTokens,
        salt: str = "",
    ) -> None:
        self._guesses = Attempts(60, 2, "nodes", bus, salt)
        self._refusals = Refusals()
        self.failed_sign_ins = 0
        self._storage = storage
        self._bus = bus
        self._clock = clock
        self._watch = watch
        self._directory = directory
        self._tokens = tokens

    async def sign_in(self, device_id: str, secret: str, manifest: Manifest | None, address: str = "") -> SignedIn:
        """Check a device's secret and register its channels.

        Raises InvalidCredentials, TooManyAttempts, Conflict, Unavailable.
        """
        try:
            return await self._sign_in(device_id, secret, manifest, address)
        except (InvalidCredentials, TooManyAttempts):
            await self._refusals.wait()
            raise

    async def _sign_in(self, device_id: str, secret: str, manifest: Manifest | None, address: str) -> SignedIn:
        if not secrets.is_well_formed(secret, secrets.DEVICE_SECRET):
            raise self._refusal(address)
        digest, now_ms = secrets.digest(secret), real_ms()
        # A wrong secret never reaches the writer: guessing cannot slow the nodes down that are right.
        if await self._storage.read(lambda tx: tx.devices.by_secret(device_id, digest, now_ms)) is None:
            raise self._refusal(address)
        refresh_token = secrets.make(secrets.REFRESH_TOKEN)
        # What the pumps ran in the last 24 hours is told to a node that may have nothing else to go by.
        mark = await self._watch.settle()
        now = self._clock.now()

        def work(tx: Transaction) -> tuple[Device, bool, Sequence[PumpUse]]:
            device = tx.devices.by_secret(device_id, digest, now_ms)
            if device is None:
                raise InvalidCredentials
            if not self._watch.is_settled(mark):
                raise Unavailable("The backend's clock was set a moment ago: ask again.")
            is_change = manifest is not None and tx.devices.register(device.number, manifest, now)
            if is_change:
                before, device = device, tx.devices.by_number(device.number) or device
                settle_channels(tx, before, device, now)
                tx.events.add(device, EventType.DEVICE, device_document(device), now)
            tx.refresh_tokens.purge(device.number, now_ms - REFRESH_LIFETIME_MS)
            family = random.token_hex(8)
            tx.refresh_tokens.issue(device.number, family, secrets.digest(refresh_token), None, now_ms, tag(digest))
            tx.devices.note_sign_in(device.number, digest, now_ms)
            pumps = [
                PumpUse(actuator.key, tx.commands.pump_state(actuator, now).used_ms)
                for actuator in device.actuators
                if actuator.kind is ActuatorKind.PUMP and actuator.retired_at is None
            ]
            return device, is_change, pumps

        device, is_change, pumps = await self._storage.write(work)
        if is_change:
            self._directory.forget(device.number)
            self._bus.publish("device", device.number)
        self._bus.publish("signed_in", device.number)
        pair = await self._pair(device.number, refresh_token, tag(digest))
        return SignedIn(pair.access_token, pair.refresh_token, pumps=pumps)

    async def refresh(self, token: str) -> TokenPair:
        """Rotate a refresh token. Raises InvalidCredentials; a spent token ends its whole family."""
        if not secrets.is_well_formed(token, secrets.REFRESH_TOKEN):
            raise InvalidCredentials("invalid_refresh_token", "The refresh token is not valid; sign in again.")
        successor = secrets.make(secrets.REFRESH_TOKEN)
        now_ms = real_ms()

        def work(tx: Transaction) -> tuple[int, str] | None:
            stored = tx.refresh_tokens.find(secrets.digest(token))
            known = None if stored is None else tx.devices.secrets(stored.device_number)
            if (
                stored is None
                or known is None
                or stored.issued_at_ms < now_ms - REFRESH_LIFETIME_MS
                or stored.secret_tag not in {tag(digest) for digest in known.valid(now_ms)}
            ):
                raise InvalidCredentials("invalid_refresh_token", "The refresh token is not valid; sign in again.")
            if stored.used_at_ms is None:
                tx.refresh_tokens.mark_used(stored.id, now_ms)
            elif 0 <= now_ms - stored.used_at_ms <= REUSE_WINDOW_MS and not tx.refresh_tokens.has_used_child(stored.id):
                tx.refresh_tokens.drop_children(stored.id)
            else:
                tx.refresh_tokens.revoke_family(stored.family)
                return None
            tx.refresh_tokens.purge(stored.device_number, now_ms - REFRESH_LIFETIME_MS)
            tx.refresh_tokens.issue(
                stored.device_number, stored.family, secrets.digest(successor), stored.id, now_ms, stored.secret_tag
            )
            return stored.device_number, stored.secret_tag

        renewed = await self._storage.write(work)
        if renewed is None:
            raise InvalidCredentials(
                "refresh_token_reused", "The refresh token was used before; its family is revoked. Sign in again."
            )
        return await self._pair(renewed[0], successor, renewed[1])

    def _refusal(self, address: str) -> PlantError:
        """Say no. Only wrong secrets are counted, so no stranger behind the same address keeps a right one out."""
        self.failed_sign_ins += 1
        wait_s = self._guesses.take(network_of(address))
        return TooManyAttempts(wait_s) if wait_s else InvalidCredentials()

    async def _pair(self, number: int, refresh_token: str, secret_tag: str) -> TokenPair:
        entry = await self._directory.entry(number)
        if entry is None:
            raise InvalidCredentials
        return TokenPair(self._tokens.issue(entry, secret_tag), refresh_token)
