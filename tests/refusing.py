"""A server that answers every command with the same error, in the servers' format."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def server_that_says(line: str) -> AsyncIterator[str]:
    """Its URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while asked := await reader.read(65_536):
            for _ in range(asked.count(b"*")):
                writer.write(b"+OK\r\n" if b"SETINFO" in asked else f"-{line}\r\n".encode())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}?protocol=2"
    finally:
        server.close()
