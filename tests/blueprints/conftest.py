"""The same Home Assistant and backend as for the integration."""

from tests.home_assistant.conftest import backend, field, integrations, own_backend, own_field, person, snapshot

__all__ = ["backend", "field", "integrations", "own_backend", "own_field", "person", "snapshot"]
