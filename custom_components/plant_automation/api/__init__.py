"""A client for the Plant Automation backend, on aiohttp alone: nothing in this package knows Home Assistant."""

from .client import PlantClient
from .errors import (
    CannotConnect,
    InvalidAuth,
    InvalidInput,
    NotPlantAutomation,
    NotThere,
    PlantApiError,
    Refused,
    Rejected,
    ServerTrouble,
    UnsupportedVersion,
)
from .events import Message
from .garden import Garden, Plant
from .models import Actuator, Alert, Command, Decision, Device, Info, Profile, Sample, Sensor

__all__ = [
    "Actuator",
    "Alert",
    "CannotConnect",
    "Command",
    "Decision",
    "Device",
    "Garden",
    "Info",
    "InvalidAuth",
    "InvalidInput",
    "Message",
    "NotPlantAutomation",
    "NotThere",
    "Plant",
    "PlantApiError",
    "PlantClient",
    "Profile",
    "Refused",
    "Rejected",
    "Sample",
    "Sensor",
    "ServerTrouble",
    "UnsupportedVersion",
]
