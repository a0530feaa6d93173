"""Adding a backend: find it or name it, sign in once, keep a token."""

from collections.abc import Mapping
from typing import Any, override

import probatio as vol
from homeassistant.config_entries import (
    SOURCE_REAUTH,
    ConfigEntry,
    ConfigFlow,
    ConfigFlowResult,
    OptionsFlowWithReload,
)
from homeassistant.const import CONF_PASSWORD, CONF_TOKEN, CONF_URL, CONF_USERNAME
from homeassistant.core import callback
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.selector import (
    BooleanSelector,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from homeassistant.helpers.service_info.hassio import HassioServiceInfo
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
from yarl import URL

from .api import (
    CannotConnect,
    Info,
    InvalidAuth,
    NotPlantAutomation,
    PlantApiError,
    PlantClient,
    Rejected,
    UnsupportedVersion,
)
from .const import CONF_ASSISTANTS_MAY_WATER, CONF_IMPORT_STATISTICS, DOMAIN, LOGGER
from .coordinator import PlantConfigEntry

DEFAULT_PORT = 8000
INGRESS_PATH = "/api/hassio_ingress/"

URL_SCHEMA = vol.Schema({vol.Required(CONF_URL): TextSelector(TextSelectorConfig(autocomplete="off"))})
PASSWORD_SCHEMA = vol.Schema(
    {
        vol.Required(CONF_USERNAME): TextSelector(TextSelectorConfig(autocomplete="username")),
        vol.Required(CONF_PASSWORD): TextSelector(
            TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="current-password")
        ),
    }
)
TOKEN_SCHEMA = vol.Schema(
    {vol.Required(CONF_TOKEN): TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off"))}
)
OPTIONS_SCHEMA = vol.Schema(
    {
        vol.Required(CONF_IMPORT_STATISTICS, default=True): BooleanSelector(),
        vol.Required(CONF_ASSISTANTS_MAY_WATER, default=False): BooleanSelector(),
    }
)


class InvalidUrl(Exception):
    """What was typed is no address of a backend. The text is the key of the message."""


def normalized_url(text: str) -> str:
    """Make an address of what a person types: `plants.local`, `192.0.2.7:8000`, `https://plants.example/`."""
    text = text.strip()
    if INGRESS_PATH in text:
        raise InvalidUrl("ingress_url")
    try:
        url = URL(text if "://" in text else f"http://{text}")
        if url.scheme not in ("http", "https") or not url.host:
            raise InvalidUrl("invalid_url")
        if "://" not in text and url.explicit_port is None:
            url = url.with_port(DEFAULT_PORT)
    except ValueError as error:
        raise InvalidUrl("invalid_url") from error
    return str(url.with_query(None).with_fragment(None)).rstrip("/")


class PlantFlow(ConfigFlow, domain=DOMAIN):
    """Add a backend, sign in again, or tell its new address."""

    VERSION = 1

    _url: str
    _host: str
    _app_token: str | None = None

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: PlantConfigEntry) -> PlantOptionsFlow:
        """Offer the options."""
        return PlantOptionsFlow()

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the address."""
        errors: dict[str, str] = {}
        if user_input is not None:
            info, url, errors = await self._probe(user_input[CONF_URL])
            if info is not None:
                await self.async_set_unique_id(info.instance_id, raise_on_progress=False)
                self._abort_if_unique_id_configured(updates={CONF_URL: url})
                self._take(url)
                return await self.async_step_sign_in()
        return self.async_show_form(
            step_id="user", data_schema=self.add_suggested_values_to_schema(URL_SCHEMA, user_input), errors=errors
        )

    @override
    async def async_step_zeroconf(self, discovery_info: ZeroconfServiceInfo) -> ConfigFlowResult:
        """Take in a backend that announced itself, or the new address of one that we know."""
        instance_id = discovery_info.properties.get("instance_id")
        if not instance_id:
            return self.async_abort(reason="not_plant_automation")
        url = str(URL.build(scheme="http", host=discovery_info.host, port=discovery_info.port or DEFAULT_PORT))
        entry = await self.async_set_unique_id(instance_id)
        if entry is not None and await self._keeps_its_address(entry):
            return self.async_abort(reason="already_configured")
        info, _, errors = await self._probe(url)
        if info is None or info.instance_id != instance_id:
            return self.async_abort(reason=errors.get("base", "not_plant_automation"))
        self._abort_if_unique_id_configured(updates={CONF_URL: url})
        self._take(url)
        self.context.update(
            {"title_placeholders": {"name": self._host}, "configuration_url": url},
        )
        return await self.async_step_sign_in()

    @override
    async def async_step_hassio(self, discovery_info: HassioServiceInfo) -> ConfigFlowResult:
        """Take in a backend that runs as an app beside Home Assistant, as the Supervisor tells of it.

        Its token, where it gives one, is the app's own, and changes with it: it replaces what we have.
        """
        given = discovery_info.config
        instance_id, host = given.get("instance_id"), given.get("host")
        if not instance_id or not host:
            return self.async_abort(reason="not_plant_automation")
        url = str(URL.build(scheme="http", host=str(host), port=int(given.get("port") or DEFAULT_PORT)))
        self._app_token = given.get("token")
        await self.async_set_unique_id(str(instance_id))
        updates = {CONF_URL: url} | ({CONF_TOKEN: self._app_token} if self._app_token else {})
        self._abort_if_unique_id_configured(updates=updates)
        info, _, errors = await self._probe(url)
        if info is None or info.instance_id != instance_id:
            return self.async_abort(reason=errors.get("base", "not_plant_automation"))
        self._take(url)
        self.context.update({"title_placeholders": {"name": discovery_info.name}})
        if not self._app_token:
            return await self.async_step_sign_in()
        return await self.async_step_hassio_confirm()

    async def async_step_hassio_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask once: nobody has to sign in."""
        errors: dict[str, str] = {}
        if user_input is not None and self._app_token:
            try:
                await self._client(self._app_token).check_token()
            except PlantApiError as error:
                errors = _sign_in_errors(error)
            else:
                return self._finish(self._app_token)
        return self.async_show_form(
            step_id="hassio_confirm", errors=errors, description_placeholders={"host": self._host}
        )

    async def async_step_sign_in(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Let the person choose how to sign in."""
        return self.async_show_menu(
            step_id="sign_in", menu_options=["password", "token"], description_placeholders={"host": self._host}
        )

    async def async_step_password(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Trade a password for a token; the password is not kept."""
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                token = await self._client().exchange_password(
                    user_input[CONF_USERNAME],
                    user_input[CONF_PASSWORD],
                    f"Home Assistant ({self.hass.config.location_name})"[:100],
                )
            except PlantApiError as error:
                errors = _sign_in_errors(error)
            else:
                return self._finish(token)
        suggested = {CONF_USERNAME: user_input[CONF_USERNAME]} if user_input else None
        return self.async_show_form(
            step_id="password",
            data_schema=self.add_suggested_values_to_schema(PASSWORD_SCHEMA, suggested),
            errors=errors,
            description_placeholders={"host": self._host},
        )

    async def async_step_token(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take a token that was made at the backend."""
        errors: dict[str, str] = {}
        if user_input is not None:
            token = user_input[CONF_TOKEN].strip()
            try:
                await self._client(token).check_token()
            except PlantApiError as error:
                errors = _sign_in_errors(error)
            else:
                return self._finish(token)
        return self.async_show_form(
            step_id="token",
            data_schema=TOKEN_SCHEMA,
            errors=errors,
            description_placeholders={"host": self._host, "command": "plant-backend user token YOU home-assistant"},
        )

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Sign in again, because the token was revoked."""
        self._take(entry_data[CONF_URL])
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Let the person choose how to sign in again."""
        return self.async_show_menu(
            step_id="reauth_confirm", menu_options=["password", "token"], description_placeholders={"host": self._host}
        )

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Tell the new address of a backend that moved."""
        entry = self._get_reconfigure_entry()
        errors: dict[str, str] = {}
        if user_input is not None:
            info, url, errors = await self._probe(user_input[CONF_URL])
            if info is not None:
                await self.async_set_unique_id(info.instance_id)
                self._abort_if_unique_id_mismatch(reason="other_instance")
                return self.async_update_reload_and_abort(entry, data_updates={CONF_URL: url})
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=self.add_suggested_values_to_schema(URL_SCHEMA, user_input or {CONF_URL: entry.data[CONF_URL]}),
            errors=errors,
        )

    async def _keeps_its_address(self, entry: ConfigEntry[Any]) -> bool:
        """Tell whether what is on the air is no news: anybody can say something there, and a token goes where it leads.

        An address with TLS was typed by a person on purpose, and one that works needs no other. What a person chose to
        ignore has none.
        """
        own = entry.data.get(CONF_URL)
        if own is None or URL(own).scheme == "https":
            return True
        info, _, _ = await self._probe(own)
        return info is not None and info.instance_id == entry.unique_id

    async def _probe(self, text: str) -> tuple[Info | None, str, dict[str, str]]:
        """Ask an address what it is."""
        try:
            url = normalized_url(text)
        except InvalidUrl as error:
            return None, "", {"base": str(error)}
        try:
            return await PlantClient(async_get_clientsession(self.hass), url).info(), url, {}
        except UnsupportedVersion:
            return None, url, {"base": "unsupported_version"}
        except NotPlantAutomation:
            return None, url, {"base": "not_plant_automation"}
        except PlantApiError as error:
            LOGGER.debug("%s: %s", url, error)
            return None, url, {"base": "cannot_connect"}

    def _take(self, url: str) -> None:
        self._url, self._host = url, URL(url).host or url

    def _client(self, token: str | None = None) -> PlantClient:
        return PlantClient(async_get_clientsession(self.hass), self._url, token)

    def _finish(self, token: str) -> ConfigFlowResult:
        if self.source == SOURCE_REAUTH:
            return self.async_update_reload_and_abort(self._get_reauth_entry(), data_updates={CONF_TOKEN: token})
        return self.async_create_entry(
            title=f"Plant Automation ({self._host})", data={CONF_URL: self._url, CONF_TOKEN: token}
        )


def _sign_in_errors(error: PlantApiError) -> dict[str, str]:
    if isinstance(error, InvalidAuth):
        return {"base": "invalid_auth"}
    if isinstance(error, Rejected) and error.code == "too_many_attempts":
        return {"base": error.code}
    LOGGER.debug("Signing in failed: %s", error)
    return {"base": "cannot_connect" if isinstance(error, CannotConnect) else "unknown"}


class PlantOptionsFlow(OptionsFlowWithReload):
    """What Home Assistant may do with the plants' data."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the options."""
        if user_input is not None:
            return self.async_create_entry(data=user_input)
        return self.async_show_form(
            step_id="init",
            data_schema=self.add_suggested_values_to_schema(OPTIONS_SCHEMA, self.config_entry.options),
        )
