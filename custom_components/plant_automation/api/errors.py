"""What can go wrong between a client and the backend, by meaning."""

from datetime import datetime


class PlantApiError(Exception):
    """The root of everything that this package raises."""


class CannotConnect(PlantApiError):
    """The backend does not answer, or not in time."""


class NotPlantAutomation(PlantApiError):
    """Something answers, but it is no Plant Automation backend."""


class Unreadable(PlantApiError):
    """The backend said something that this client cannot make sense of."""


class InvalidAuth(PlantApiError):
    """The name, password or token is not valid, or not any more."""


class UnsupportedVersion(PlantApiError):
    """The backend speaks a version of the API that this client does not know."""

    def __init__(self, api_version: int, version: str) -> None:
        super().__init__(f"The backend {version} speaks API version {api_version}.")
        self.api_version = api_version
        self.version = version


class Rejected(PlantApiError):
    """The backend understood the request and says no. `detail` is made for people, `code` for programs."""

    def __init__(self, code: str, detail: str, until: datetime | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.until = until


class NotThere(Rejected):
    """There is no such device, alert or command, or it is somebody else's."""


class InvalidInput(Rejected):
    """A value is not allowed. The detail names the field and what it may be."""


class NotAllowed(Rejected):
    """The token is valid, but this is not for it: a viewer may look and change nothing."""


class Outdated(Rejected):
    """Somebody else changed it since it was read."""


class Refused(Rejected):
    """A guard keeps the actuator off. `until` says when that may change, where it is known."""


class ServerTrouble(PlantApiError):
    """The backend failed, or cannot take more right now."""
