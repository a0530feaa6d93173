"""People and programs that use the backend, and what they may see."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """What a person may do. Devices belong to an owner; a viewer belongs to one owner and only looks."""

    OWNER = "owner"
    VIEWER = "viewer"


class Scope(StrEnum):
    """How much of what a person may do a token may do."""

    ACCOUNT = "account"
    PLANTS = "plants"
    """See plants and look after them: no devices made or deleted, no secrets, nothing of accounts."""


@dataclass(frozen=True, slots=True)
class HomeUser:
    """A person as Home Assistant knows them."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class User:
    """A person with an account. `owner_id` is whose devices a viewer sees; an owner has none."""

    id: int
    username: str
    created_at: datetime
    owner_id: int | None = None

    @property
    def role(self) -> Role:
        """What the person may do."""
        return Role.OWNER if self.owner_id is None else Role.VIEWER


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A named, revocable token of a person. The token itself is stored as a hash only."""

    id: int
    user_id: int
    name: str
    prefix: str
    created_at: datetime
    last_used_at: datetime | None
    scope: Scope = Scope.ACCOUNT


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is signed in. Times are real ones."""

    id: int
    user_id: int
    agent: str
    address: str
    created_at: datetime
    seen_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking. Each query takes one and sees only what is theirs.

    `user_id` is whose devices are seen: the person's own, or those of the owner that a viewer (`viewer_id`) belongs to.
    `is_from_home` is who comes through Home Assistant, which has asked them for a password; there is none here.
    """

    user_id: int
    username: str
    token_id: int | None = None
    viewer_id: int | None = None
    session_id: int | None = None
    address: str = ""
    scope: Scope = Scope.ACCOUNT
    is_from_home: bool = False

    @property
    def account_id(self) -> int:
        """The account of the person who asks."""
        return self.user_id if self.viewer_id is None else self.viewer_id

    @property
    def role(self) -> Role:
        """What the person may do."""
        return Role.OWNER if self.viewer_id is None else Role.VIEWER


@dataclass(frozen=True, slots=True)
class NodePrincipal:
    """A node that is asking for itself."""

    device_number: int
    device_id: str


@dataclass(frozen=True, slots=True)
class DeviceSecrets:
    """What is stored of a device's secrets. Times are real ones, in Unix milliseconds.

    After a rotation with an overlap the previous secret works until `previous_until_ms`.
    """

    digest: bytes
    made_at_ms: int
    used_at_ms: int | None = None
    previous_digest: bytes | None = None
    previous_until_ms: int = 0
    previous_used_at_ms: int | None = None

    def valid(self, now_ms: int) -> tuple[bytes, ...]:
        """Give the digests that open the device now."""
        if self.previous_digest is None or now_ms >= self.previous_until_ms:
            return (self.digest,)
        return (self.digest, self.previous_digest)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what, to what, when, and from where. Never a secret."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    address: str
