"""Looks for secrets where none may be."""

import re

from tests.live_backend import PASSWORD, Backend

# Random characters that may spell anything; it is logged for a person to open, and ends with the first account.
SETUP_TOKEN = re.compile(r"pst_[\w-]+")
SECRETS = re.compile(rf"pds_|pat_|prt_|pss_|eyJ|argon2|{re.escape(PASSWORD)}")


def assert_no_secret_was_logged(backend: Backend) -> None:
    """Read all that the process wrote."""
    guilty = [line for line in backend.log().splitlines() if SECRETS.search(SETUP_TOKEN.sub("", line))]
    assert guilty == []
