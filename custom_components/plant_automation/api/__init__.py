"""A client for the Plant Automation backend, on aiohttp alone: nothing in this package knows Home Assistant."""

from .client import PlantClient
from .errors import (
    CannotConnect,
    InvalidAuth,
    InvalidInput,
    NotAllowed,
    NotPlantAutomation,
    NotThere,
    Outdated,
    PlantApiError,
    Refused,
    Rejected,
    ServerTrouble,
    Unreadable,
    UnsupportedVersion,
)
from .events import Message
from .garden import Garden, Plant
from .models import Actuator, Alert, Bucket, Command, Decision, Derived, Device, Info, Profile, Sample, Sensor

__all__ = [
    "Actuator",
    "Alert",
    "Bucket",
    "CannotConnect",
    "Command",
    "Decision",
    "Derived",
    "Device",
    "Garden",
    "Info",
    "InvalidAuth",
    "InvalidInput",
    "Message",
    "NotAllowed",
    "NotPlantAutomation",
    "NotThere",
    "Outdated",
    "Plant",
    "PlantApiError",
    "PlantClient",
    "Profile",
    "Refused",
    "Rejected",
    "Sample",
    "Sensor",
    "ServerTrouble",
    "Unreadable",
    "UnsupportedVersion",
]
