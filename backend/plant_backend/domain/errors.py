"""What can go wrong, by meaning. The API turns each into one problem document."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any


class PlantError(Exception):
    """The root of every error that a user or a node may see. `code` is stable and made for programs."""

    code = "error"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class NotFound(PlantError):
    """The thing is not there, or belongs to somebody else: the two look the same."""

    def __init__(self, what: str) -> None:
        super().__init__(f"There is no such {what}.")
        self.code = f"{what.replace(' ', '_')}_not_found"


class InvalidInput(PlantError):
    """Something given is not allowed. Each field is named with what it may be."""

    code = "invalid_input"

    def __init__(self, errors: Sequence[tuple[str, str]], code: str = "invalid_input") -> None:
        super().__init__("; ".join(f"{field}: {message}" for field, message in errors))
        self.errors = tuple(errors)
        self.code = code


class Malformed(PlantError):
    """What was sent cannot be read at all."""

    code = "invalid_json"


class TooLarge(PlantError):
    """More was sent than is taken at once."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class InvalidCredentials(PlantError):
    """A name, secret or token is not right. Never says which."""

    def __init__(self, code: str = "invalid_credentials", detail: str = "The credentials are not valid.") -> None:
        super().__init__(detail)
        self.code = code


class Forbidden(PlantError):
    """The caller is known and may not do this."""

    code = "forbidden"


class Conflict(PlantError):
    """What is asked contradicts what is recorded."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class PreconditionFailed(PlantError):
    """The thing is no longer what the caller took it for. `current` is its document now, of that `version`."""

    def __init__(self, code: str, detail: str, current: dict[str, Any], version: int) -> None:
        super().__init__(detail)
        self.code = code
        self.current = current
        self.version = version


class Unavailable(PlantError):
    """The backend cannot take more right now. Nothing was stored."""

    code = "busy"

    def __init__(self, detail: str, retry_after_s: int = 1) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class TooManyAttempts(PlantError):
    """Too many wrong guesses came from there, or for that account. Who is signed in already is not concerned."""

    code = "too_many_attempts"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"Too many attempts failed; try again in {retry_after_s} s.")
        self.retry_after_s = retry_after_s


class WateringRefused(PlantError):
    """A guard keeps the pump off. `until` says when it may change, where that is known."""

    def __init__(self, code: str, detail: str, until: datetime | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.until = until
