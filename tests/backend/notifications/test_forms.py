"""The forms are Apprise's own, for each service that may be notified, and in words that are translated."""

from collections.abc import AsyncIterator

import pytest
from plant_backend.integrations.notification_services import known_services
from plant_backend.integrations.notifications import AppriseNotifier
from plant_backend.web.service_form import url_of
from plant_backend.web.terms import SERVICE_FIELDS


@pytest.fixture
async def notifier() -> AsyncIterator[AppriseNotifier]:
    """Give a notifier as it is without settings."""
    made = AppriseNotifier()
    yield made
    await made.close()


FILLED = {
    "ntfy": ({"targets": "a-topic"}, "ntfys://a-topic"),
    "Gotify": (
        {"host": "gotify.example.org", "token": "AbCdEf123456789"},
        "gotifys://gotify.example.org/AbCdEf123456789",
    ),
    "Telegram": (
        {"bot_token": "123456789:abc_def", "targets": "4711"},
        "tgram://123456789%3Aabc_def/4711",
    ),
    "E-mail": (
        {"host": "example.org", "user": "me", "password": "a b", "targets": "you@example.org"},
        "mailtos://me:a%20b@example.org/you%40example.org",
    ),
    "Home Assistant": ({"host": "ha.example.org", "accesstoken": "x" * 30}, f"hassios://ha.example.org/{'x' * 30}"),
}


async def test_each_service_has_a_form_and_what_it_makes_is_taken(notifier: AppriseNotifier) -> None:
    forms = {form.name: form for form in await notifier.forms()}
    assert set(forms) == {service.name for service in known_services()}
    for form in forms.values():
        assert {field.label for field in form.fields} <= SERVICE_FIELDS, form.name
        assert any(field.is_needed for field in form.fields) or form.name == "Slack"
        assert form.guide.startswith("https://")
    for name, (given, url) in FILLED.items():
        assert url_of(forms[name], given) == url
        service, _ = await notifier.check(url)
        assert service.name == name
