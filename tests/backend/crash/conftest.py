"""Lets the checks of the storm show what they compared."""

import pytest

pytest.register_assert_rewrite("tests.backend.crash.storm")
