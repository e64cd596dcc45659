"""Room for bytes: who wants more than is free waits until others have left, in the order of asking.

A place is taken before the bytes are asked for, so that they fit wherever they come from.
"""

import asyncio
from collections import deque


class Room:
    """Room for so many bytes, for the tasks of one event loop."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.free = size
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, wanted: int) -> "Seat":
        """Return a place for so many bytes once there is one; the whole room if it has fewer."""
        place = Seat(self)
        await place.change(wanted)
        return place

    async def _take(self, wanted: int) -> None:
        if wanted <= self.free and not self._waiting:
            self.free -= wanted
            return
        granted = asyncio.get_running_loop().create_future()
        self._waiting.append((wanted, granted))
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                self._leave(wanted)
            else:
                self._waiting.remove((wanted, granted))
                self._leave(0)
            raise

    def _leave(self, left: int) -> None:
        self.free += left
        while self._waiting and self._waiting[0][0] <= self.free:
            wanted, granted = self._waiting.popleft()
            self.free -= wanted
            granted.set_result(None)


class Seat:
    """A place in a room, for `bytes`."""

    def __init__(self, room: Room) -> None:
        self.bytes = 0
        self._room = room

    async def change(self, wanted: int) -> None:
        """Make it a place for so many bytes. Who needs more leaves, and asks like everybody else:
        two who wait for each other's places would wait for ever.
        """
        wanted = min(wanted, self._room.size)
        if wanted <= self.bytes:
            self.shrink(wanted)
        else:
            self.shrink(0)
            await self._room._take(wanted)
            self.bytes = wanted

    def shrink(self, needed: int) -> None:
        """Give up what is not needed; with 0, the whole place."""
        left, self.bytes = self.bytes - needed, needed
        self._room._leave(left)
