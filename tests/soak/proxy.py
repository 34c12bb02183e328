"""A TCP proxy in front of a server, whose connections fail on demand.

Modes:
- `pass`: connections work.
- `refuse`: new connections are accepted and reset, and open connections are reset.
- `stall`: connections are accepted, but transfer no data until the mode is no longer `stall`.

`swallow` discards the next response of the server. The server has then processed the request, but the client sees the
connection close, or receives nothing more.
"""

import asyncio
import socket
import struct
import threading

PIECE = 1 << 16


class Proxy:
    def __init__(self, host, port):
        self.upstream = (host, port)
        self.mode = "pass"
        self.swallowing = None
        self.open = set()
        self.loop = asyncio.new_event_loop()
        self.changed = asyncio.Event()
        started = threading.Event()
        threading.Thread(target=self._run, args=(started,), daemon=True).start()
        started.wait()

    def set(self, mode):
        self.loop.call_soon_threadsafe(self._set, mode)

    def swallow(self, how):
        """Discards the next response: `cut` closes the connection, `silence` keeps it open without data."""
        self.loop.call_soon_threadsafe(setattr, self, "swallowing", how)

    def _run(self, started):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        self.loop.run_forever()

    def _set(self, mode):
        self.mode = mode
        self.changed.set()
        self.changed = asyncio.Event()
        if mode == "refuse":
            for writer in list(self.open):
                reset(writer)

    async def _flows(self):
        while self.mode == "stall":
            await self.changed.wait()

    async def _serve(self, reader, writer):
        if self.mode == "refuse":
            return reset(writer)
        self.open.add(writer)
        try:
            await self._flows()
            from_server, to_server = await asyncio.open_connection(*self.upstream)
            try:
                there = asyncio.ensure_future(self._carry(reader, to_server, False))
                back = asyncio.ensure_future(self._carry(from_server, writer, True))
                await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
                there.cancel()
                back.cancel()
            finally:
                to_server.close()
        except OSError:
            pass
        finally:
            self.open.discard(writer)
            writer.close()

    async def _carry(self, reader, writer, responses):
        silent = False
        try:
            while piece := await reader.read(PIECE):
                await self._flows()
                if responses and self.swallowing:
                    how, self.swallowing = self.swallowing, None
                    if how == "cut":
                        return
                    silent = True
                if not silent:
                    writer.write(piece)
                    await writer.drain()
            if silent:
                await asyncio.Event().wait()
        except OSError:
            pass


def reset(writer):
    """Closes the connection with a TCP reset (RST) instead of an orderly close (FIN)."""
    connection = writer.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
