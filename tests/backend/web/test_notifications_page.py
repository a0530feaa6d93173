"""Where people are told of alerts, as a page."""

import re

from tests.backend.web.visitor import SAME_SITE, Visitor, words
from tests.live_backend import Backend, Node

TOPIC = "a-topic-that-nobody-guesses"
NTFY = f"ntfys://ntfy.sh/{TOPIC}"


def ids(page: str) -> list[str]:
    """Give the targets on a page."""
    return re.findall(r'id="target-(\d+)"', page)


def test_a_target_is_made_changed_and_deleted(owner: Visitor, node: Node) -> None:
    form = {"name": "My phone", "url": NTFY, "min_severity": "critical", "which": "some", "time_zone": "Europe/Berlin"}
    made = owner.post("/web/notifications", **form, **{f"device-{node.device_id}": "yes"}, is_enabled="yes")
    assert made.status_code == 303, words(made.text)
    (target_id,) = ids(owner.page("/web/notifications"))
    path = f"/web/notifications/{target_id}"
    page = owner.page(path)
    assert re.search(rf'name="device-{node.device_id}" value="yes" checked', page)
    assert not re.search(r'name="wants_resolved" value="yes" checked', page)

    changed = form | {"url": "", "name": "Phone", "quiet_from": "22:00", "quiet_until": "07:00", "which": "all"}
    assert owner.post(path, **changed).status_code == 303
    page = owner.page("/web/notifications")
    assert "Phone" in words(page)
    assert "switched off" in words(page)
    assert owner.post(f"{path}/delete").status_code == 303
    assert ids(owner.page("/web/notifications")) == []


def test_what_is_wrong_is_said_and_what_was_typed_is_kept(owner: Visitor) -> None:
    answer = owner.post("/web/notifications", name="Phone", url="nowhere://x", quiet_from="9", time_zone="UTC")
    assert answer.status_code == 422
    assert "Give a time such as 06:30." in words(answer.text)
    answer = owner.post("/web/notifications", name="Kept name", url="nowhere://x", time_zone="UTC")
    assert answer.status_code == 422
    assert 'value="Kept name"' in answer.text
    assert 'id="field-url-problem"' in answer.text


def test_the_url_is_never_shown_again_and_each_account_has_its_own(owner: Visitor, viewer: Visitor) -> None:
    made = viewer.post("/web/notifications", name="Vic's", url=NTFY, time_zone="UTC", is_enabled="yes")
    assert made.status_code == 303
    (target_id,) = ids(viewer.page("/web/notifications"))
    for path in ("/web/notifications", f"/web/notifications/{target_id}"):
        assert TOPIC not in viewer.page(path)
    assert ids(owner.page("/web/notifications")) == []
    assert owner.get(f"/web/notifications/{target_id}").status_code == 404
    assert owner.post(f"/web/notifications/{target_id}/delete").status_code == 404
    assert viewer.post(f"/web/notifications/{target_id}/delete").status_code == 303


def test_a_test_that_fails_says_why_on_the_spot(owner: Visitor) -> None:
    owner.post("/web/notifications", name="Phone", url="ntfy://plants.invalid/topic", time_zone="UTC", is_enabled="yes")
    found = ids(owner.page("/web/notifications"))
    answer = owner.post(f"/web/notifications/{found[0]}/test", dict(SAME_SITE) | {"hx-request": "true"})
    assert answer.status_code == 200
    assert "It was not taken" in words(answer.text)
    owner.post(f"/web/notifications/{found[0]}/delete")


def test_a_service_asks_for_what_it_needs_and_makes_its_address(owner: Visitor) -> None:
    page = owner.page("/web/notifications")
    assert "/web/notifications/new?service=Telegram" in page
    form = owner.get("/web/notifications/new", service="Telegram")
    assert form.headers["cache-control"] == "no-store"
    assert re.search(r'name="part-bot_token" type="password"', form.text)
    base = {"name": "Phone", "service": "Telegram", "time_zone": "UTC", "is_enabled": "yes"}
    refused = owner.post("/web/notifications", **base, **{"part-targets": "4711"})
    assert refused.status_code == 422
    assert 'id="field-part-bot_token-problem"' in refused.text
    assert 'value="4711"' in refused.text
    made = owner.post("/web/notifications", **base, **{"part-targets": "4711", "part-bot_token": "123456789:abc_def"})
    assert made.status_code == 303, words(made.text)
    page = owner.page("/web/notifications")
    assert "Telegram · tgram://…" in words(page)
    assert "abc_def" not in page
    for target_id in ids(page):
        owner.post(f"/web/notifications/{target_id}/delete")
    assert owner.get("/web/notifications/new", service="Nonsense").status_code == 404


def test_a_target_is_moved_by_its_service_s_form(owner: Visitor) -> None:
    base = {"name": "Phone", "time_zone": "UTC", "is_enabled": "yes"}
    token = {"part-bot_token": "123456789:abc_def"}
    owner.post("/web/notifications", **base, **token, service="Telegram", **{"part-targets": "4711"})
    (target_id,) = ids(owner.page("/web/notifications"))
    path = f"/web/notifications/{target_id}"
    form = owner.get(path)
    assert form.headers["cache-control"] == "no-store"
    assert re.search(r'name="part-bot_token" type="password" value=""', form.text)
    assert "required" not in re.findall(r'<input id="field-part-[^>]*>', form.text)[0]
    assert "4711" not in form.text

    kept = owner.post(path, **base, **{"part-bot_token": "", "part-targets": " "}, url="")
    assert kept.status_code == 303
    refused = owner.post(path, **base, **{"part-targets": "4712"})
    assert refused.status_code == 422
    assert 'id="field-part-bot_token-problem"' in refused.text
    assert owner.post(path, **base, **token, **{"part-targets": "4712"}).status_code == 303
    assert owner.post(path, **base, url="ntfys://ntfy.sh/elsewhere").status_code == 303
    assert "ntfy · ntfys://" in words(owner.page("/web/notifications"))
    assert 'name="part-targets"' in owner.page(path)
    owner.post(f"{path}/delete")


def test_a_viewer_is_offered_no_webhook(viewer: Visitor, owner: Visitor) -> None:
    assert "Webhook (JSON)" in owner.page("/web/notifications/new")
    assert "Webhook (JSON)" not in viewer.page("/web/notifications/new")


def chosen(page: str) -> list[str]:
    """Give the language that the form of a target has."""
    (options,) = re.findall(r'<select id="field-language".*?</select>', page, flags=re.DOTALL)
    return re.findall(r'value="(\w+)" lang="\w+" selected', options)


def test_a_target_speaks_the_language_of_the_page_unless_another_is_chosen(owner: Visitor, backend: Backend) -> None:
    with Visitor(backend, "de") as german:
        german.sign_in("ada")
        assert chosen(german.page("/web/notifications/new")) == ["de"]
        assert chosen(german.page("/web/notifications/new", service="ntfy")) == ["de"]
    assert chosen(owner.page("/web/notifications/new", service="ntfy")) == ["en"]
    form = {"name": "Phone", "url": NTFY, "time_zone": "UTC", "is_enabled": "yes"}
    refused = owner.post("/web/notifications", **form, language="fr")
    assert refused.status_code == 422
    assert 'id="field-language-problem"' in refused.text
    assert owner.post("/web/notifications", **form, language="de").status_code == 303
    (target_id,) = ids(owner.page("/web/notifications"))
    path = f"/web/notifications/{target_id}"
    assert chosen(owner.page(path)) == ["de"]
    # A page that was open before there was a choice says nothing of it.
    assert owner.post(path, **form | {"url": ""}).status_code == 303
    assert chosen(owner.page(path)) == ["de"]
    assert owner.post(path, **form | {"url": ""}, language="en").status_code == 303
    assert chosen(owner.page(path)) == ["en"]
    owner.post(f"{path}/delete")
