"""Domain values as JSON text and back, exact both ways."""

import msgspec

from plant_backend.domain.calibration import Point
from plant_backend.domain.model import DoseEffect, PlantSnapshot, Profile, PumpLimits
from plant_backend.domain.reason import Reason
from plant_backend.domain.sentence import Sentence

_encode = msgspec.json.Encoder(order="deterministic").encode
decode_profile = msgspec.json.Decoder(Profile).decode
decode_effect = msgspec.json.Decoder(DoseEffect).decode
decode_limits = msgspec.json.Decoder(PumpLimits).decode
decode_reasons = msgspec.json.Decoder(tuple[Reason, ...]).decode
decode_sentences = msgspec.json.Decoder(tuple[Sentence, ...]).decode
decode_points = msgspec.json.Decoder(tuple[Point, ...]).decode
decode_snapshot = msgspec.json.Decoder(PlantSnapshot).decode


def dump(value: object) -> str:
    """Give the JSON text of a domain value."""
    return _encode(value).decode()
