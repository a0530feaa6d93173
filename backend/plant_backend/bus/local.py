"""The bus of a single process: calls its listeners on the event loop."""

from collections.abc import Callable


class LocalBus:
    """Fulfils `ports.Bus`. A listener must be quick and must not raise: it marks something dirty, no more."""

    is_carrying = False
    state = "in this process"

    def __init__(self) -> None:
        self._listeners: dict[str, list[Callable[[int], None]]] = {}

    async def start(self) -> None:
        """There is nobody to reach."""

    async def close(self) -> None:
        """Nor to say good-bye to."""

    def publish(self, topic: str, key: int) -> None:
        self.tell_here(topic, key)

    def tell_here(self, topic: str, key: int) -> None:
        for listener in self._listeners.get(topic, ()):
            listener(key)

    def tell_others(self, topic: str, key: int) -> None:
        """There are none."""

    def done(self, topic: str, key: int) -> None:
        """Nobody else would be asked."""

    def subscribe(self, topic: str, listener: Callable[[int], None]) -> Callable[[], None]:
        listeners = self._listeners.setdefault(topic, [])
        listeners.append(listener)
        return lambda: listeners.remove(listener)
