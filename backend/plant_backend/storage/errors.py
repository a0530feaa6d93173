"""Why a database cannot be used: each is one clear line for the person who starts the server."""


class DatabaseError(Exception):
    """The root of what makes a start fail because of the database."""


class DatabaseUnusable(DatabaseError):
    """The file cannot be read or written, or is no database."""


class DatabaseInUse(DatabaseError):
    """Another server owns the file."""


class DatabaseTooNew(DatabaseError):
    """The database was written by a newer version."""
