"""Writes notifications in the language of their targets."""

from collections.abc import Sequence

from plant_backend.domain.notification import Message, TargetSettings, Text


class CatalogWriter:
    """Fulfils `ports.NotificationWriter`. Who never tells anybody anything does not pay for the catalogs' library."""

    def compose(self, messages: Sequence[Message], settings: TargetSettings, public_url: str) -> Text:
        """Write one text about one or more changes."""
        from plant_backend.wording.notification_text import compose

        return compose(messages, settings.time_zone, public_url, settings.language)

    def trial(self, settings: TargetSettings, public_url: str) -> Text:
        """Write what a person sees who tries a target."""
        from plant_backend.wording.notification_text import trial

        return trial(settings.name, public_url, settings.language)
