"""
A TCP line to a server that is not ours to hurt: the line can be cut, closed and frozen.
"""

import asyncio
import contextlib
import threading


class Proxy:
    """Forwards connections from a free local port; runs in a thread of its own."""

    def __init__(self, host: str, port: int) -> None:
        self._there = (host, port)
        self._loop = asyncio.new_event_loop()
        self._moving = asyncio.Event()
        self._moving.set()
        self._closed = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._connected, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def _do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _connected(self, reader, writer):
        if self._closed:
            writer.close()
            return
        self._writers.add(writer)
        await self._moving.wait()
        try:
            there_reader, there = await asyncio.open_connection(*self._there)
        except OSError:
            writer.close()
            return
        self._writers.add(there)
        for source, target in ((reader, there), (there_reader, writer)):
            pump = asyncio.ensure_future(self._pump(source, target))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    async def _pump(self, reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while data := await reader.read(65536):
                await self._moving.wait()
                writer.write(data)
                await writer.drain()
        with contextlib.suppress(OSError):
            writer.close()
        self._writers.discard(writer)

    async def _set(self, moving=None, closed=None):
        if closed is not None:
            self._closed = closed
        if moving is not None:
            (self._moving.set if moving else self._moving.clear)()

    async def _cut(self):
        for writer in list(self._writers):
            writer.transport.abort()
        self._writers.clear()

    def freeze(self) -> None:
        """Accept and read, and never forward."""
        self._do(self._set(moving=False))

    def thaw(self) -> None:
        self._do(self._set(moving=True))

    def shut(self) -> None:
        """Break every connection, and hang up on whoever calls."""
        self._do(self._set(closed=True))
        self._do(self._cut())

    def open(self) -> None:
        self._do(self._set(closed=False))

    async def _end(self):
        self._server.close()
        await self._cut()
        for pump in list(self._pumps):
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    def close(self) -> None:
        self.thaw()
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
