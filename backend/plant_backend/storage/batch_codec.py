"""How a batch is written in the log: MessagePack, in two parts.

`content` (boot id, sensors, values) is what makes a repeat the same batch; `offsets` (how old each value was when the
batch came) differ from one try to the next, and the first try's are kept.
"""

import hashlib

import msgspec

from plant_backend.domain.telemetry import Batch

_encode = msgspec.msgpack.Encoder().encode
_decode_content = msgspec.msgpack.Decoder(tuple[str, list[int], list[float]]).decode
_decode_offsets = msgspec.msgpack.Decoder(list[int | None]).decode


def encode(batch: Batch) -> tuple[bytes, bytes]:
    """Give the content and the offsets of a batch."""
    return _encode((batch.boot_id, batch.sensor_ids, batch.values)), _encode(batch.offsets_ms)


def decode(device_number: int, batch_id: str, received_at_ms: int, content: bytes, offsets: bytes) -> Batch:
    """Give the batch of a row of the log."""
    boot_id, sensor_ids, values = _decode_content(content)
    return Batch(device_number, batch_id, boot_id, received_at_ms, sensor_ids, values, _decode_offsets(offsets))


def digest(content: bytes) -> bytes:
    """Give 8 bytes that tell one content from another, for batches whose content has left the log."""
    return hashlib.blake2b(content, digest_size=8).digest()
