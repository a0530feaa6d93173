"""Access tokens of nodes: signed, short-lived, checked without the database."""

import time
from dataclasses import dataclass
from typing import Any

import jwt

from plant_backend.domain.errors import InvalidCredentials
from plant_backend.services.directory import DeviceEntry, Directory
from plant_backend.services.real_time import real_ms

LIFETIME_S = 900
_AUDIENCE = "node"
_CACHED_TOKENS = 10_000


@dataclass(slots=True)
class _Verified:
    entry: DeviceEntry
    expires_at: float


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The key that signs, and the one before it, which verifies until its last tokens have expired."""

    current: bytes
    previous: bytes | None = None
    previous_until_ms: int = 0

    @property
    def all(self) -> tuple[bytes, ...]:
        """Give the key that signs, and the one before it where it is known."""
        return (self.current,) if self.previous is None else (self.current, self.previous)

    def verifying(self) -> tuple[bytes, ...]:
        """Give the keys whose tokens hold now."""
        if self.previous is None or real_ms() >= self.previous_until_ms:
            return (self.current,)
        return (self.current, self.previous)


class AccessTokens:
    """Makes and checks access tokens. One that was checked is remembered until it or its device's secret ends."""

    def __init__(self, keys: SigningKeys, issuer: str, directory: Directory) -> None:
        self._keys = keys
        self._issuer = issuer
        self._directory = directory
        self._verified: dict[str, _Verified] = {}

    def issue(self, entry: DeviceEntry, secret_tag: str) -> str:
        """Make a token for a device: a JWT of less than 512 bytes."""
        now = int(time.time())
        return jwt.encode(
            {
                "iss": self._issuer,
                "aud": _AUDIENCE,
                "sub": entry.device.id,
                "num": entry.device.number,
                "tag": secret_tag,
                "iat": now,
                "exp": now + LIFETIME_S,
            },
            self._keys.current,
            algorithm="HS256",
            headers={"typ": "node+jwt"},
        )

    def known(self, token: str) -> DeviceEntry | None:
        """Give the device of a token that was checked before and still holds."""
        verified = self._verified.get(token)
        if verified is None:
            return None
        if verified.entry.is_current and time.time() < verified.expires_at:
            return verified.entry
        del self._verified[token]
        return None

    async def check(self, token: str) -> DeviceEntry:
        """Give the device of a token. Raises InvalidCredentials."""
        entry = self.known(token)
        if entry is not None:
            return entry
        try:
            header = jwt.get_unverified_header(token)
            claims = self._verified_claims(token)
        except jwt.ExpiredSignatureError:
            raise InvalidCredentials("token_expired", "The access token has expired; refresh it.") from None
        except jwt.InvalidTokenError:
            raise InvalidCredentials("invalid_token", "The access token is not valid.") from None
        number = claims["num"]
        entry = await self._directory.entry(number) if isinstance(number, int) else None
        if (
            header.get("typ") != "node+jwt"
            or entry is None
            or claims["sub"] != entry.device.id
            or (secret_ends_at_ms := entry.secret_ends_at_ms(claims["tag"])) is None
        ):
            raise InvalidCredentials("invalid_token", "The access token is not valid.")
        if len(self._verified) >= _CACHED_TOKENS:
            self._verified.clear()
        expires_at = float(claims["exp"])
        if secret_ends_at_ms:
            expires_at = min(expires_at, secret_ends_at_ms / 1000)
        self._verified[token] = _Verified(entry, expires_at)
        return entry

    def _verified_claims(self, token: str) -> dict[str, Any]:
        keys = self._keys.verifying()
        for key in keys:
            try:
                claims: dict[str, Any] = jwt.decode(
                    token,
                    key,
                    algorithms=["HS256"],
                    audience=_AUDIENCE,
                    issuer=self._issuer,
                    options={"require": ["exp", "iat", "sub", "num", "tag"]},
                )
            except jwt.InvalidSignatureError:
                continue
            return claims
        raise jwt.InvalidSignatureError
