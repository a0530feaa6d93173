"""Accounts: the first one, further ones, viewers, new passwords, and an end that leaves nothing behind."""

import hmac
import re
import time
from collections.abc import Sequence

from plant_backend.domain.account import Principal, User
from plant_backend.domain.errors import (
    Conflict,
    Forbidden,
    InvalidCredentials,
    InvalidInput,
    NotFound,
    TooManyAttempts,
    Unavailable,
)
from plant_backend.domain.ledger import EventType
from plant_backend.domain.model import Device
from plant_backend.ports import Bus, Clock, Storage, Transaction
from plant_backend.services import secrets
from plant_backend.services.attempts import Attempts, Refusals, network_of
from plant_backend.services.audit import record
from plant_backend.services.devices import DeviceService
from plant_backend.services.passwords import Passwords, checked
from plant_backend.services.people import People, as_principal

SETUP_LIFETIME_S = 24 * 3600
_USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}").fullmatch


class Accounts:
    """Makes and ends accounts."""

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        passwords: Passwords,
        people: People,
        devices: DeviceService,
        bus: Bus | None = None,
        salt: str = "",
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._passwords = passwords
        self._people = people
        self._devices = devices
        self._setup: tuple[bytes, float] | None = None
        self._guesses = Attempts(10, 30, "set_up", bus, salt)
        self._refusals = Refusals()

    async def all(self) -> Sequence[User]:
        """Give all accounts."""
        return await self._storage.read(lambda tx: tx.users.all())

    async def by_name(self, username: str) -> User:
        """Give one account. Raises NotFound."""
        found = await self._storage.read(lambda tx: tx.users.by_name(username))
        if found is None:
            raise NotFound("user")
        return found[0]

    async def add(self, username: str, password: str, owner: Principal | None = None) -> User:
        """Make an account, with an `owner` one that only looks. Raises InvalidInput, Conflict, Forbidden."""
        if owner is not None and owner.viewer_id is not None:
            raise Forbidden("A viewer cannot let others in.")
        password_hash = await self._hashed(username, password)
        now = self._clock.now()

        def work(tx: Transaction) -> User:
            user = tx.users.add(username, password_hash, now, None if owner is None else owner.user_id)
            record(tx, owner or as_principal(user), "account_made", username)
            return user

        return await self._storage.write(work)

    # The first account

    async def offer_setup(self) -> str | None:
        """Give a token that makes the first account, once and within a day. None when there is an account."""
        if await self.all():
            return None
        token = secrets.make(secrets.SETUP_TOKEN)
        self._setup = (secrets.digest(token), time.monotonic() + SETUP_LIFETIME_S)
        return token

    async def set_up(self, token: str, username: str, password: str, address: str) -> User:
        """Make the first account. Raises InvalidCredentials, TooManyAttempts, InvalidInput, Conflict."""
        try:
            return await self._set_up(token, username, password, address)
        except (InvalidCredentials, TooManyAttempts, Unavailable):
            await self._refusals.wait()
            raise

    async def _set_up(self, token: str, username: str, password: str, address: str) -> User:
        wait_s = self._guesses.take(network_of(address))
        if wait_s:
            raise TooManyAttempts(wait_s)
        if not self._opens_setup(token):
            raise InvalidCredentials("invalid_setup_token", "The set-up link is used up, too old or not valid.")
        self._guesses.give_back(network_of(address))
        password_hash = await self._hashed(username, password)
        now = self._clock.now()

        def work(tx: Transaction) -> User:
            user = tx.users.add_first(username, password_hash, now) if self._opens_setup(token) else None
            if user is None:
                raise Conflict("already_set_up", "There is an account already; sign in.")
            record(tx, as_principal(user, address), "account_made", username)
            return user

        user = await self._storage.write(work)
        self._setup = None
        return user

    def _opens_setup(self, token: str) -> bool:
        if self._setup is None or time.monotonic() > self._setup[1]:
            return False
        return hmac.compare_digest(self._setup[0], secrets.digest(token))

    # Viewers

    async def viewers(self, who: Principal) -> Sequence[User]:
        """Give who may look at the caller's devices."""
        return await self._storage.read(lambda tx: tx.users.viewers(who.user_id))

    async def delete_viewer(self, who: Principal, user_id: int) -> None:
        """End a viewer's account. Raises NotFound."""

        def work(tx: Transaction) -> None:
            found = tx.users.get(user_id)
            if found is None or found[0].owner_id != who.user_id:
                raise NotFound("viewer")
            tx.users.delete(user_id)
            record(tx, who, "account_deleted", found[0].username)

        await self._storage.write(work)
        self._people.forget()

    # From the machine's own command line

    async def set_password(self, username: str, password: str) -> None:
        """Give somebody a new password; all that was signed in ends. Raises NotFound, InvalidInput."""
        password_hash = await self._passwords.hash(checked(password))
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            found = tx.users.by_name(username)
            if found is None:
                raise NotFound("user")
            user = found[0]
            tx.users.set_password(user.id, password_hash)
            tx.sessions.end_all(user.id)
            tx.users.revoke_tokens(user.id, now)
            record(tx, as_principal(user, "command line"), "password_changed", username)

        await self._storage.write(work)
        self._people.forget()

    async def delete(self, username: str) -> None:
        """Delete an account with its devices, their history, its viewers and what the log says of it."""
        now = self._clock.now()

        def work(tx: Transaction) -> list[Device]:
            found = tx.users.by_name(username)
            if found is None:
                raise NotFound("user")
            user = found[0]
            owned = [] if user.owner_id is not None else list(tx.devices.all(as_principal(user)))
            for device in owned:
                tx.devices.delete(device.number)
            tx.users.delete(user.id)
            if user.owner_id is None:
                tx.audit.forget(user.id)
                tx.events.forget(user.id)
                for device in owned if self._storage.is_shared else ():
                    # Processes that nobody tells follow the log: they would go on hearing its node.
                    tx.events.add(device, EventType.DEVICE_DELETED, {"id": device.id}, now)
            else:
                record(tx, as_principal(user, "command line"), "account_deleted", username)
            return owned

        for device in await self._storage.write(work):
            self._devices.forget(device)
        self._people.forget()

    async def _hashed(self, username: str, password: str) -> str:
        errors: list[tuple[str, str]] = []
        if not _USERNAME(username):
            errors.append(("username", "must be 1 to 64 characters of a-z 0-9 . _ - and begin with a letter or digit"))
        try:
            checked(password)
        except InvalidInput as error:
            errors.extend(error.errors)
        if errors:
            raise InvalidInput(errors)
        return await self._passwords.hash(password)
