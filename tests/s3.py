"""An S3 server as a process that can be killed, and a connection to it that can be cut."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.children import Child, child_environ
from benchmarks.machine import free_port
from benchmarks.waiting import wait_until

START_S = 30.0
FILE = b".jsonl.gz"
USER = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


@dataclass
class S3Server(Child):
    """Stores objects in memory."""

    port: int
    said: Path
    bucket: str = "wakeline"

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environ(self) -> dict[str, str]:
        """Environment variables with which a process finds it, as fsspec and Amazon's tools name them."""
        return {"FSSPEC_S3_ENDPOINT_URL": self.endpoint} | USER

    def start(self) -> None:
        launch = "from moto.server import main; main()"
        command = (sys.executable, "-c", launch, "-H", "127.0.0.1", "-p", str(self.port))
        with self.said.open("ab") as said:
            self.process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, env=child_environ(**USER))
        wait_until(lambda: self._answers() or not self.is_alive, "S3 answers", within=START_S)
        assert self.is_alive, f"S3 does not start; it said: {self.said.read_text()[-2_000:]}"
        request = urllib.request.Request(f"{self.endpoint}/{self.bucket}", method="PUT")
        with urllib.request.urlopen(request, timeout=5):
            pass

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.endpoint}/moto-api/", timeout=5):
                return True
        except OSError:
            return False


@contextmanager
def running_s3(folder: Path) -> Iterator[S3Server]:
    server = S3Server(free_port(), folder / "s3.log")
    try:
        server.start()
        yield server
    finally:
        server.kill()


class Wire:
    """A connection to the server: while `cuts_left`, it is closed after half of a sealed file.

    With `holds` it hangs instead: the sender waits for an answer.
    """

    def __init__(self, server: S3Server) -> None:
        self.server = server
        self.port = 0
        self.cuts_left = 0
        self.cuts = 0
        self.holds = False
        self._open: set[asyncio.Task[None]] = set()

    async def end(self) -> None:
        """Cut every connection."""
        for connection in self._open:
            connection.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await asyncio.sleep(0)  # what was cut is closed by the loop's next round

    @property
    def environ(self) -> dict[str, str]:
        return self.server.environ | {"FSSPEC_S3_ENDPOINT_URL": f"http://127.0.0.1:{self.port}"}

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        ends = [writer]
        try:
            there, to = await asyncio.open_connection("127.0.0.1", self.server.port)
            ends.append(to)
            async with asyncio.TaskGroup() as both:
                back = both.create_task(self._back(there, writer))
                await self._forth(reader, to)
                back.cancel()
        except* OSError:
            pass
        finally:
            for end in ends:
                end.transport.abort()
            self._open.discard(task)

    async def _forth(self, reader: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        is_file = False
        while data := await reader.read(1 << 20):
            if data.startswith((b"PUT ", b"GET ", b"HEAD ", b"POST ", b"DELETE ")):
                head, end, body = data.partition(b"\r\n\r\n")
                is_file = head.startswith(b"PUT ") and FILE in head.splitlines()[0]
                to.write(head + end)
            else:
                body = data
            if is_file and body and self.cuts_left:
                to.write(body[: len(body) // 2])
                await to.drain()
                self.cuts_left -= 1
                self.cuts += 1
                while self.holds:  # noqa: ASYNC110 - until the test has ended
                    await asyncio.sleep(0.05)
                return
            to.write(body)
            await to.drain()

    async def _back(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await there.read(1 << 20):
            writer.write(data)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def wired(server: S3Server) -> AsyncIterator[Wire]:
    made = Wire(server)
    listening = await asyncio.start_server(made.carry, "127.0.0.1", 0)
    made.port = listening.sockets[0].getsockname()[1]
    async with listening:
        try:
            yield made
        finally:
            made.holds = False
            listening.close()
            await made.end()
