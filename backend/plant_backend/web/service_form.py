"""The URL that a service's filled form describes."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from plant_backend.domain.errors import InvalidInput
from plant_backend.domain.notification_form import ServiceForm

_PLACE = re.compile(r"\{(\w+)\}")
_TARGETS = "targets"
_PATH = "fullpath"


def url_of(form: ServiceForm, given: Mapping[str, str], *, is_plain: bool = False) -> str:
    """Give the URL that a filled form describes. Raises InvalidInput with the keys of fields that miss or do not fit.

    What is given decides the shape: the one that has a place for all of it, and for nothing else.
    """
    known = {field.key for field in form.fields}
    filled = {key: text.strip() for key, text in given.items() if key in known and text.strip()}
    wanted = [(set(_PLACE.findall(shape)), shape) for shape in form.shapes]
    for keys, shape in wanted:
        if keys == filled.keys():
            scheme = form.plain_scheme if is_plain and form.plain_scheme else form.scheme
            return f"{scheme}://" + _PLACE.sub(lambda place: _part(place, filled), shape)
    missing = [keys - filled.keys() for keys, _ in wanted if keys > filled.keys()]
    if missing:
        fewest = min(missing, key=lambda keys: (len(keys), sorted(keys)))
        raise InvalidInput([(key, "is needed") for key in sorted(fewest)])
    nearest = max((keys for keys, _ in wanted), key=lambda keys: (len(keys & filled.keys()), -len(keys)), default=set())
    raise InvalidInput([(key, "does not go with the others") for key in sorted(filled.keys() - nearest)])


def _part(place: re.Match[str], filled: Mapping[str, str]) -> str:
    key = place[1]
    text = filled[key]
    if key == _TARGETS:
        return "/".join(quote(one, safe="") for one in re.split(r"[\s,;]+", text) if one)
    if key == _PATH:
        path = quote(text.strip("/"), safe="/")
        # Some shapes have the slashes around a path, in others they are part of it.
        return path if place.string[: place.start()].endswith("/") else f"/{path}/" if path else "/"
    return quote(text, safe="")
