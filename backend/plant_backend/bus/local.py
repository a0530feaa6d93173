"""The bus of a single process: calls its listeners on the event loop."""

from collections.abc import Callable


class LocalBus:
    """Fulfils `ports.Bus`. A listener must be quick and must not raise: it marks something dirty, no more."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Callable[[int], None]]] = {}

    def publish(self, topic: str, key: int) -> None:
        for listener in self._listeners.get(topic, ()):
            listener(key)

    def subscribe(self, topic: str, listener: Callable[[int], None]) -> Callable[[], None]:
        listeners = self._listeners.setdefault(topic, [])
        listeners.append(listener)
        return lambda: listeners.remove(listener)
