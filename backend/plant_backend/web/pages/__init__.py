"""The pages, one module each. A new one gets its line here, its templates in `templates/NAME/`."""

from collections.abc import Sequence

from plant_backend.web.page import Page
from plant_backend.web.pages import (
    add,
    alerts,
    automation,
    calibration,
    chart,
    device,
    devices,
    diagnostics,
    dialogs,
    guide,
    login,
    notifications,
    overview,
    own,
    preferences,
    settings,
    setup,
)

PAGES: Sequence[Page] = (
    setup.page,
    login.page,
    own.page,
    preferences.page,
    overview.page,
    devices.page,
    add.page,
    device.page,
    chart.page,
    automation.page,
    calibration.page,
    alerts.page,
    notifications.page,
    settings.page,
    diagnostics.page,
    guide.page,
    dialogs.page,
)
