"""Secrets that have to be read again, such as the URLs of notifications: encrypted with a key beside the database."""

import secrets
from pathlib import Path

from plant_backend.domain.errors import Unavailable
from plant_backend.storage import key_file
from plant_backend.storage.errors import DatabaseUnusable

_FORMAT = b"\x01"
_NONCE_BYTES = 12
_CONSEQUENCE = "the URLs of targets have to be entered again"


class FileSealer:
    """Fulfils `ports.Sealer` by AES-256-GCM (NIST SP 800-38D). The key is made when it is first needed.

    Both directions raise Unavailable where the key can neither be read nor made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._key: bytes | None = None

    def seal(self, text: str) -> bytes:
        """Encrypt a text."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _FORMAT + nonce + AESGCM(self._read_key()).encrypt(nonce, text.encode(), _FORMAT)

    def open(self, sealed: bytes) -> str | None:
        """Give what was sealed, or None where it was sealed with another key."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if sealed[:1] != _FORMAT:
            return None
        nonce, rest = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return AESGCM(self._read_key()).decrypt(nonce, rest, _FORMAT).decode()
        except (InvalidTag, ValueError):
            return None

    def _read_key(self) -> bytes:
        if self._key is None:
            try:
                self._key = key_file.read(self._path, "key of notifications", _CONSEQUENCE)
            except DatabaseUnusable as error:
                raise Unavailable(str(error), retry_after_s=60) from error
        return self._key
