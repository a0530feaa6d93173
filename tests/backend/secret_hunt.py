"""Looks for secrets where none may be."""

import re

from tests.live_backend import PASSWORD, Backend

SECRETS = re.compile(rf"pds_|pat_|prt_|pss_|eyJ|argon2|{re.escape(PASSWORD)}")


def assert_no_secret_was_logged(backend: Backend) -> None:
    """Read all that the process wrote."""
    guilty = [line for line in backend.log().splitlines() if SECRETS.search(line)]
    assert guilty == []
