"""People: signing in with a password, API tokens, sessions of browsers, and who is asking."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from plant_backend.domain.account import ApiToken, Principal, Scope, Session, User
from plant_backend.domain.errors import InvalidCredentials, InvalidInput, NotFound, TooManyAttempts, Unavailable
from plant_backend.ports import Bus, Clock, Storage, Transaction
from plant_backend.services import secrets
from plant_backend.services.attempts import Attempts, Refusals, network_of
from plant_backend.services.audit import record
from plant_backend.services.passwords import Passwords, checked
from plant_backend.services.real_time import real_ms

SESSION_LIFETIME_MS = 90 * 24 * 3600 * 1000
SESSION_IDLE_MS = 30 * 24 * 3600 * 1000
_CACHED_S = 5.0
_TOUCH_EVERY_S = 3600.0
_PLACES = 1_000


class People:
    """Signs people in, makes and ends their tokens and sessions, and tells who is asking."""

    def __init__(
        self, storage: Storage, clock: Clock, passwords: Passwords, bus: Bus | None = None, salt: str = ""
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._passwords = passwords
        self._known: dict[bytes, tuple[Principal, float]] = {}
        self._touched: dict[bytes, float] = {}
        self._by_network = Attempts(20, 15, "by_network", bus, salt)
        self._by_account = Attempts(10, 60, "by_account", bus, salt)
        self._of_strangers = Attempts(40, 2, "of_strangers", bus, salt)
        self._bus = bus
        if bus is not None:
            for topic in ("signed_out", "gap"):
                bus.subscribe(topic, lambda _: self._known.clear())
        self._places: dict[tuple[str, str], None] = {}
        self._refusals = Refusals()
        self.failed_sign_ins = 0
        self.throttled_sign_ins = 0

    async def token_for_password(
        self, username: str, password: str, name: str, address: str = ""
    ) -> tuple[ApiToken, str]:
        """Exchange a password for a named token, shown once. Raises InvalidCredentials, TooManyAttempts."""
        who = await self.check_password(username, password, address)
        return await self.add_token(who, name)

    async def add_token(self, who: Principal, name: str, scope: Scope = Scope.ACCOUNT) -> tuple[ApiToken, str]:
        """Make a token. The second value is the token itself, which is stored nowhere."""
        name = name.strip()
        if not name or not name.isprintable():
            raise InvalidInput([("name", "must have at least one character, and printable ones only")])
        token = secrets.make(secrets.API_TOKEN)
        now, digest = self._clock.now(), secrets.digest(token)

        def work(tx: Transaction) -> ApiToken:
            record(tx, who, "token_made", name)
            return tx.users.add_token(who.account_id, name, token[:12], digest, now, scope)

        return await self._storage.write(work), token

    async def tokens(self, who: Principal) -> Sequence[ApiToken]:
        """Give the caller's tokens that are not revoked."""
        return await self._storage.read(lambda tx: tx.users.tokens(who))

    async def revoke(self, who: Principal, token_id: int) -> None:
        """End a token of the caller. Raises NotFound."""
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            name = next((token.name for token in tx.users.tokens(who) if token.id == token_id), "")
            if not tx.users.revoke_token(who, token_id, now):
                raise NotFound("token")
            record(tx, who, "token_revoked", name)

        await self._storage.write(work)
        self.forget()

    async def open_session(
        self, username: str, password: str, agent: str, address: str
    ) -> tuple[Principal, Session, str]:
        """Sign a browser in. The last value goes into its cookie. Raises InvalidCredentials, TooManyAttempts."""
        who = await self.check_password(username, password, address)
        secret, now_ms = secrets.make(secrets.SESSION), real_ms()
        digest, agent = secrets.digest(secret), "".join(filter(str.isprintable, agent))[:200]

        def work(tx: Transaction) -> Session:
            tx.sessions.purge(now_ms, now_ms - SESSION_IDLE_MS)
            record(tx, who, "session_opened", agent)
            return tx.sessions.add(who.account_id, digest, agent, address, now_ms, now_ms + SESSION_LIFETIME_MS)

        return who, await self._storage.write(work), secret

    async def sessions(self, who: Principal) -> Sequence[Session]:
        """Give the caller's open sessions."""
        now_ms = real_ms()
        return await self._storage.read(lambda tx: tx.sessions.all(who.account_id, now_ms, now_ms - SESSION_IDLE_MS))

    async def end_session(self, who: Principal, session_id: int) -> None:
        """End a session of the caller. Raises NotFound."""

        def work(tx: Transaction) -> None:
            if not tx.sessions.end(who.account_id, session_id):
                raise NotFound("session")
            record(tx, who, "session_ended", str(session_id))

        await self._storage.write(work)
        self.forget()

    async def check_password(self, username: str, password: str, address: str) -> Principal:
        """Give who this is. Raises InvalidCredentials, TooManyAttempts, Unavailable, in its turn."""
        try:
            return await self._who_has(username, password, address)
        except (InvalidCredentials, TooManyAttempts, Unavailable):
            await self._refusals.wait()
            raise

    async def _who_has(self, username: str, password: str, address: str) -> Principal:
        """Look who has this password.

        The limits stand before the hashing. Guesses from elsewhere use up other attempts than those of a place from
        which this account signed in before: who lives there is not locked out by a stranger.
        """
        place = (username, network_of(address))
        is_known = place in self._places
        limits = [
            (self._by_network, place[1]),
            (self._by_account, f"{username} from {place[1]}" if is_known else username),
        ]
        if not is_known:
            # However many accounts and places are tried: hashing for strangers never takes a core from the nodes.
            limits.append((self._of_strangers, ""))
        taken: list[tuple[Attempts, str]] = []
        for attempts, key in limits:
            wait_s = attempts.take(key)
            if wait_s:
                for other, other_key in taken:
                    other.give_back(other_key)
                self.throttled_sign_ins += 1
                raise TooManyAttempts(wait_s)
            taken.append((attempts, key))
        found = await self._storage.read(lambda tx: tx.users.by_name(username))
        if not await self._passwords.is_right(found[1] if found else None, password) or found is None:
            self.failed_sign_ins += 1
            if found is not None:
                await self._note_failure(found[0], address)
            raise InvalidCredentials
        for attempts, key in taken:
            attempts.give_back(key)
        user, password_hash = found
        if len(self._places) >= _PLACES:
            del self._places[next(iter(self._places))]
        self._places[place] = None
        if self._passwords.is_outdated(password_hash):
            renewed = await self._passwords.hash(password)
            await self._storage.write(lambda tx: tx.users.set_password(user.id, renewed))
        return as_principal(user, address)

    async def change_password(self, who: Principal, current: str, new: str) -> None:
        """Give oneself another password; all else that was signed in ends. Raises InvalidCredentials, InvalidInput."""
        checked(new, "new_password")
        wait_s = self._by_account.take(f"change {who.account_id}")
        if wait_s:
            raise TooManyAttempts(wait_s)
        found = await self._storage.read(lambda tx: tx.users.get(who.account_id))
        if found is None or not await self._passwords.is_right(found[1], current):
            raise InvalidInput([("current_password", "is not right")], "wrong_password")
        password_hash = await self._passwords.hash(new)
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            tx.users.set_password(who.account_id, password_hash)
            tx.sessions.end_all(who.account_id, but=who.session_id)
            for token in tx.users.tokens(who):
                if token.id != who.token_id:
                    tx.users.revoke_token(who, token.id, now)
            record(tx, who, "password_changed", who.username)

        await self._storage.write(work)
        self.forget()

    async def principal(self, token: str) -> Principal:
        """Tell whose API token this is. Raises InvalidCredentials."""
        if not secrets.is_well_formed(token, secrets.API_TOKEN):
            raise InvalidCredentials("invalid_token", "The API token is not valid.")
        digest = secrets.digest(token)
        who = await self._principal(digest, lambda tx: tx.users.principal_of(digest))
        if who is None:
            raise InvalidCredentials("invalid_token", "The API token is not valid.")
        if self._is_due(digest):
            token_id, now = who.token_id or 0, self._clock.now()
            await self._storage.write(lambda tx: tx.users.touch_token(token_id, now))
        return who

    async def session(self, secret: str, address: str = "") -> Principal:
        """Tell whose session this is. Raises InvalidCredentials."""
        if not secrets.is_well_formed(secret, secrets.SESSION):
            raise InvalidCredentials("invalid_session", "The session has ended; sign in again.")
        digest, now_ms = secrets.digest(secret), real_ms()
        who = await self._principal(
            digest, lambda tx: tx.sessions.principal_of(digest, now_ms, now_ms - SESSION_IDLE_MS)
        )
        if who is None:
            raise InvalidCredentials("invalid_session", "The session has ended; sign in again.")
        if self._is_due(digest):
            session_id = who.session_id or 0
            await self._storage.write(lambda tx: tx.sessions.touch(session_id, address, now_ms))
        return who

    def forget(self) -> None:
        """Drop what is known of tokens and sessions: something ended."""
        self._known.clear()
        if self._bus is not None:
            self._bus.tell_others("signed_out", 0)

    async def _principal(self, digest: bytes, find: Callable[[Transaction], Principal | None]) -> Principal | None:
        known = self._known.get(digest)
        if known is not None and time.monotonic() < known[1]:
            return known[0]
        who = await self._storage.read(find)
        if who is None:
            self._known.pop(digest, None)
            return None
        if len(self._known) > 1000:
            self._known.clear()
        self._known[digest] = (who, time.monotonic() + _CACHED_S)
        return who

    def _is_due(self, digest: bytes) -> bool:
        """Tell whether it is time to write down that a token or session is in use."""
        if time.monotonic() - self._touched.get(digest, -_TOUCH_EVERY_S) < _TOUCH_EVERY_S:
            return False
        if len(self._touched) > 1000:
            self._touched.clear()
        self._touched[digest] = time.monotonic()
        return True

    async def _note_failure(self, user: User, address: str) -> None:
        who = as_principal(user, address)
        await self._storage.write(lambda tx: record(tx, who, "sign_in_failed", user.username))


def as_principal(user: User, address: str = "") -> Principal:
    """Give the user as one who asks."""
    if user.owner_id is None:
        return Principal(user.id, user.username, address=address)
    return replace(Principal(user.owner_id, user.username, address=address), viewer_id=user.id)
