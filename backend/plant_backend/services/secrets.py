"""Secrets that the backend makes: random, told apart by a prefix, proof against typing errors, stored as SHA-256.

256 random bits need no slow hash: there is nothing to guess. The prefix lets scanners find a leaked one.
"""

import base64
import hashlib
import secrets
import zlib

DEVICE_SECRET = "pds_"  # noqa: S105 - a prefix, not a secret
API_TOKEN = "pat_"  # noqa: S105
REFRESH_TOKEN = "prt_"  # noqa: S105
SESSION = "pss_"
SETUP_TOKEN = "pst_"  # noqa: S105


def make(prefix: str) -> str:
    """Make a secret: prefix, 43 characters of randomness, 6 of checksum."""
    body = prefix + secrets.token_urlsafe(32)
    return body + _checksum(body)


def is_well_formed(secret: str, prefix: str) -> bool:
    """Tell whether this could be one of ours, without looking it up."""
    return secret.startswith(prefix) and secret.isascii() and _checksum(secret[:-6]) == secret[-6:]


def digest(secret: str) -> bytes:
    """Give what is stored of a secret."""
    return hashlib.sha256(secret.encode()).digest()


def _checksum(body: str) -> str:
    crc = zlib.crc32(body.encode()).to_bytes(4, "big")
    return base64.urlsafe_b64encode(crc).decode().rstrip("=")
