"""Waiting for whichever comes first: news, or the time."""

import asyncio

from plant_backend.ports import Clock


async def sleep_or_news(clock: Clock, seconds: float, news: asyncio.Event) -> None:
    """Return when so many seconds of this clock are over, or there is news."""
    sleeping = asyncio.ensure_future(clock.sleep(seconds))
    hearing = asyncio.ensure_future(news.wait())
    try:
        await asyncio.wait((sleeping, hearing), return_when=asyncio.FIRST_COMPLETED)
    finally:
        sleeping.cancel()
        hearing.cancel()
        # Awaiting them one by one, or under a suppress, would take a cancellation of our own for theirs: whoever waits
        # here would never stop.
        await asyncio.gather(sleeping, hearing, return_exceptions=True)
