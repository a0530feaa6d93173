"""Column types that both databases have."""

from sqlalchemy import BigInteger, Integer

WHOLE = BigInteger().with_variant(Integer(), "sqlite")
"""A whole number of 64 bits: SQLite's INTEGER is one, and alone may be a rowid; PostgreSQL's has 32."""
