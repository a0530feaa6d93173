"""People who come through Home Assistant's ingress: it says who they are, this says what they may do.

Whoever is new looks on. Who shows the code of the log owns the plants: the log is for Home Assistant's administrators.
"""

import hmac
import re
import time
from dataclasses import replace

from plant_backend.domain.account import HomeUser, Principal, User
from plant_backend.domain.errors import Conflict, Forbidden, InvalidCredentials, TooManyAttempts
from plant_backend.ports import Clock, Storage, Transaction
from plant_backend.services import secrets
from plant_backend.services.attempts import Attempts
from plant_backend.services.audit import record
from plant_backend.services.people import People, as_principal

CODE_LIFETIME_S = 24 * 3600
OWNER_NAME = "home"
NO_PASSWORD = ""
"""No hash: no password opens such an account."""


class AccountEnded(Forbidden):
    """Whoever owns the plants has sent the person away."""

    code = "account_ended"


class HomeUsers:
    """Tells whose account is whose."""

    def __init__(self, storage: Storage, clock: Clock, people: People) -> None:
        self._people = people
        self._storage = storage
        self._clock = clock
        self._code: tuple[bytes, float] | None = None
        self._guesses = Attempts(burst=10, refill_s=30)

    async def ensure_owner(self) -> User:
        """Give the account that owns the plants: the oldest one; made without a password where there is none."""
        now = self._clock.now()

        def work(tx: Transaction) -> User:
            owner = _owner(tx)
            if owner is None:
                owner = tx.users.add(OWNER_NAME, NO_PASSWORD, now)
                record(tx, as_principal(owner), "account_made", owner.username)
            return owner

        known = await self._storage.read(_owner)
        return await self._storage.write(work) if known is None else known

    def offer_code(self) -> str:
        """Give a code that makes one person an owner, once and within a day. One given before is void."""
        code = secrets.make(secrets.SETUP_TOKEN)
        self._code = (secrets.digest(code), time.monotonic() + CODE_LIFETIME_S)
        return code

    async def principal(self, person: HomeUser, address: str = "") -> Principal:
        """Tell who a person is here, making one who looks of somebody new. Raises Forbidden, InvalidCredentials."""
        is_known, user = await self._storage.read(lambda tx: tx.home_users.account_of(person.id))
        if not is_known:
            user = await self._storage.write(lambda tx: self._take_in(tx, person, address))
        if user is None:
            raise AccountEnded("Your account here was ended. Whoever owns the plants can let you in again.")
        return replace(as_principal(user, address), is_from_home=True)

    async def become_owner(self, person: HomeUser, code: str, address: str = "") -> User:
        """Make a person an owner. Raises InvalidCredentials, TooManyAttempts."""
        wait_s = self._guesses.take(person.id)
        if wait_s:
            raise TooManyAttempts(wait_s)
        if not self._is_right(code):
            raise InvalidCredentials("invalid_setup_token", "The code is used up, too old or not valid.")
        self._guesses.give_back(person.id)
        now = self._clock.now()

        def work(tx: Transaction) -> User:
            owner = _owner(tx)
            if owner is None or not self._is_right(code):
                raise InvalidCredentials("invalid_setup_token", "The code is used up, too old or not valid.")
            _, before = tx.home_users.account_of(person.id)
            tx.home_users.link(person.id, owner.id, now)
            if before is not None and before.owner_id is not None:
                # The one that only looked: nobody else has a way into it, unless it was given a password.
                found = tx.users.get(before.id)
                if found is not None and found[1] == NO_PASSWORD:
                    tx.users.delete(before.id)
            record(tx, as_principal(owner, address), "became_owner", person.name or person.id)
            return owner

        owner = await self._storage.write(work)
        self._code = None
        self._people.forget()
        return owner

    def _is_right(self, code: str) -> bool:
        if self._code is None or time.monotonic() > self._code[1]:
            return False
        return hmac.compare_digest(self._code[0], secrets.digest(code))

    def _take_in(self, tx: Transaction, person: HomeUser, address: str) -> User | None:
        is_known, user = tx.home_users.account_of(person.id)
        if is_known:
            return user
        owner = _owner(tx)
        if owner is None:
            raise InvalidCredentials("no_account", "There is no account yet.")
        now = self._clock.now()
        name = re.sub(r"[^a-z0-9._-]+", "-", person.name.lower()).strip("-._")[:56] or "guest"
        for number in range(1, 1000):
            try:
                # An account of the same name is somebody else's until they prove it: it is never taken over.
                user = tx.users.add(name if number == 1 else f"{name}-{number}", NO_PASSWORD, now, owner.id)
            except Conflict:
                continue
            tx.home_users.link(person.id, user.id, now)
            record(tx, as_principal(user, address), "account_made", user.username)
            return user
        raise Forbidden("There are too many people of that name.")


def _owner(tx: Transaction) -> User | None:
    return next((user for user in tx.users.all() if user.owner_id is None), None)
