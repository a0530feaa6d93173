"""All repositories over one connection."""

from functools import cached_property

from sqlalchemy import Connection

from plant_backend.domain.ledger import Event
from plant_backend.storage.repositories.alerts import SqlAlerts
from plant_backend.storage.repositories.audit import SqlAudit
from plant_backend.storage.repositories.automation import SqlAutomation
from plant_backend.storage.repositories.calibrations import SqlCalibrations
from plant_backend.storage.repositories.commands import SqlCommands
from plant_backend.storage.repositories.devices import SqlDevices
from plant_backend.storage.repositories.events import SqlEvents
from plant_backend.storage.repositories.history import SqlHistory
from plant_backend.storage.repositories.home_users import SqlHomeUsers
from plant_backend.storage.repositories.notifications import SqlNotifications
from plant_backend.storage.repositories.refresh_tokens import SqlRefreshTokens
from plant_backend.storage.repositories.sessions import SqlSessions
from plant_backend.storage.repositories.users import SqlUsers


class SqlTransaction:
    """Fulfils `ports.Transaction`. Whoever makes it begins and ends the transaction."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.emitted: list[Event] = []

    @cached_property
    def users(self) -> SqlUsers:
        return SqlUsers(self.connection)

    @cached_property
    def sessions(self) -> SqlSessions:
        return SqlSessions(self.connection)

    @cached_property
    def home_users(self) -> SqlHomeUsers:
        return SqlHomeUsers(self.connection)

    @cached_property
    def audit(self) -> SqlAudit:
        return SqlAudit(self.connection)

    @cached_property
    def refresh_tokens(self) -> SqlRefreshTokens:
        return SqlRefreshTokens(self.connection)

    @cached_property
    def devices(self) -> SqlDevices:
        return SqlDevices(self.connection)

    @cached_property
    def calibrations(self) -> SqlCalibrations:
        return SqlCalibrations(self.connection)

    @cached_property
    def commands(self) -> SqlCommands:
        return SqlCommands(self.connection)

    @cached_property
    def alerts(self) -> SqlAlerts:
        return SqlAlerts(self.connection)

    @cached_property
    def automation(self) -> SqlAutomation:
        return SqlAutomation(self.connection)

    @cached_property
    def history(self) -> SqlHistory:
        return SqlHistory(self.connection)

    @cached_property
    def events(self) -> SqlEvents:
        return SqlEvents(self.connection, self.emitted)

    @cached_property
    def notifications(self) -> SqlNotifications:
        return SqlNotifications(self.connection)
