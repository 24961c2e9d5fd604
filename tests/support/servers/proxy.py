"""A TCP line to a server that is not ours to hurt: the line can be cut, closed and frozen."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Coroutine
from typing import Any
from urllib.parse import urlsplit

from tests.support.servers.ports import HOST

PATIENCE = 30.0


class Proxy:
    """
    Forwards connections from a free local port to the server of ``url``, from a thread of its own.

    ``url`` is how to come there through it; ``calls`` counts attempts to connect.
    """

    def __init__(self, url: str, usual_port: int | None = None) -> None:
        there = urlsplit(url)
        port = there.port or usual_port
        if there.hostname is None or port is None:
            raise ValueError("a proxy needs the host and the port of its server")
        self._there = (there.hostname, port)
        self._loop = asyncio.new_event_loop()
        self._moving = asyncio.Event()
        self._moving.set()
        self._is_closed = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._cuts = 0
        self.calls = 0
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._connected, HOST, 0))
        port = self._server.sockets[0].getsockname()[1]
        self.url = url.replace(f"{there.hostname}:{there.port}", f"{HOST}:{port}")

    def _do(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE)

    # --- hurting ----------------------------------------------------------------------

    def freeze(self) -> None:
        """Accept and read, and never forward: connections stay."""
        self._do(self._behave("silent"))

    def thaw(self) -> None:
        """Forward what came meanwhile, and everything again."""
        self._do(self._behave("open"))

    def cut(self, mode: str = "open") -> None:
        """
        Break every connection, as a server does that restarts; then behave as ``mode``.

        ``"open"``; ``"closed"``, who calls is hung up on; ``"silent"``, who calls is never
        answered.
        """
        self._do(self._cut(mode))

    def close(self) -> None:
        """Break every connection and listen no more."""
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    # --- in its own thread ------------------------------------------------------------

    async def _behave(self, mode: str) -> None:
        self._is_closed = mode == "closed"
        (self._moving.clear if mode == "silent" else self._moving.set)()

    async def _cut(self, mode: str) -> None:
        self._cuts += 1
        for writer in self._writers:
            writer.transport.abort()
        await self._behave(mode)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.calls += 1
        async with self._kept(writer):
            before = self._cuts
            await self._moving.wait()
            if self._is_closed or self._cuts != before:
                return
            there_reader, there = await asyncio.open_connection(*self._there)
            async with self._kept(there):
                if self._cuts == before:
                    pumps = (self._pump(reader, there), self._pump(there_reader, writer))
                    await asyncio.gather(*pumps)

    @contextlib.asynccontextmanager
    async def _kept(self, writer: asyncio.StreamWriter) -> AsyncIterator[None]:
        """Know of an end of a connection, so that it can be broken, until it is closed."""
        self._writers.add(writer)
        with contextlib.suppress(OSError):
            yield
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        self._writers.discard(writer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._moving.wait()
                writer.write(data)
                await writer.drain()
        writer.close()  # whoever is at the other end learns that this one has gone

    async def _end(self) -> None:
        # Whoever was accepted is let in before the server closes: asyncio would forget them.
        for listening in self._server.sockets:
            self._loop.remove_reader(listening.fileno())
        await self._cut("closed")
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)
        self._server.close()
