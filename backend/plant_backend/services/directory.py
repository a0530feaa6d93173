"""What each request of a node needs to know of its device, kept at hand."""

from plant_backend.domain.account import DeviceSecrets
from plant_backend.domain.model import Device
from plant_backend.ports import Bus, Storage
from plant_backend.services.real_time import real_ms


class DeviceEntry:
    """A device as the hot path needs it. Access tokens carry the tag of the secret that they were made for."""

    __slots__ = ("device", "is_current", "secrets", "sensor_by_id", "sensor_id_by_key")

    def __init__(self, device: Device, secrets: DeviceSecrets) -> None:
        self.device = device
        self.secrets = secrets
        self.sensor_id_by_key: dict[str | int, int] = {sensor.key: sensor.id for sensor in device.sensors}
        # A reading may name its sensor by key or by id: one table answers both.
        self.sensor_id_by_key |= {sensor.id: sensor.id for sensor in device.sensors}
        self.sensor_by_id = {sensor.id: sensor for sensor in device.sensors}
        self.is_current = True

    def secret_ends_at_ms(self, secret_tag: str) -> int | None:
        """Give when the secret of a tag ends: 0 for never, None where it has ended or never was."""
        if secret_tag == tag(self.secrets.digest):
            return 0
        previous = self.secrets.previous_digest
        if previous is None or secret_tag != tag(previous) or real_ms() >= self.secrets.previous_until_ms:
            return None
        return self.secrets.previous_until_ms


class Directory:
    """Device entries, loaded when first needed and dropped when the device changes."""

    def __init__(self, storage: Storage, bus: Bus | None = None) -> None:
        self._storage = storage
        self._entries: dict[int, DeviceEntry] = {}
        self._numbers: dict[str, int] = {}
        self._generation = 0
        self._bus = bus
        if bus is not None:
            bus.subscribe("device_changed", self._drop)

    def known(self, number: int) -> DeviceEntry | None:
        """Give the entry if it is at hand."""
        return self._entries.get(number)

    async def entry(self, number: int) -> DeviceEntry | None:
        """Give the entry of a device, or None where there is no such device."""
        entry = self._entries.get(number)
        if entry is not None:
            return entry
        while True:
            generation = self._generation
            device, secrets = await self._storage.read(
                lambda tx: (tx.devices.by_number(number), tx.devices.secrets(number))
            )
            # What was read before a change that is told meanwhile would be kept as if it were current.
            if generation == self._generation:
                break
        if device is None or secrets is None:
            return None
        self._numbers[device.id] = number
        # Another request may have loaded it meanwhile; entries are compared by identity, so the first one stays.
        return self._entries.setdefault(number, DeviceEntry(device, secrets))

    def forget(self, number: int) -> None:
        """Drop an entry whose device changed. Tokens that were verified against it are verified anew."""
        self._drop(number)
        if self._bus is not None:
            self._bus.tell_others("device_changed", number)

    def number_of(self, device_id: str) -> int | None:
        """Give the number of a device that is or was at hand."""
        return self._numbers.get(device_id)

    def forget_id(self, device_id: str) -> None:
        """Drop the entry of a device that another process changed."""
        self._generation += 1
        number = self._numbers.get(device_id)
        if number is not None:
            self._drop(number)

    def _drop(self, number: int) -> None:
        self._generation += 1
        entry = self._entries.pop(number, None)
        if entry is not None:
            # Its number stays known: a poll that began with this entry still has to hear of commands.
            entry.is_current = False


def tag(secret_digest: bytes) -> str:
    """Give what an access token carries of the secret it was made for."""
    return secret_digest[:6].hex()
