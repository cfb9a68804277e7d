"""Reads a request's body within limits on time and decompressed size, or returns the reason for rejection."""

from __future__ import annotations

import asyncio
import zlib

from aiohttp import HttpVersion11, web

from wakeline.event import MAX_BODY_BYTES, Refusal

BODY_TIME_S = 5.5  # for a phone on a bad connection; aiohttp would wait forever

GZIP = 16 + zlib.MAX_WBITS
ZLIB = zlib.MAX_WBITS
RAW_DEFLATE = -zlib.MAX_WBITS  # some clients send it as "deflate", against the standard
GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"
TYPES = ("text/plain", "application/json")


def is_accepted_type(content_type: str | None) -> bool:
    """text/plain, which needs no CORS preflight, or application/json; parameters are ignored."""
    if content_type is None:
        return False
    return content_type in TYPES or content_type.partition(";")[0].strip().lower() in TYPES


def is_json(content_type: str | None) -> bool:
    """application/json, which no page can send without a preflight; parameters are ignored."""
    return content_type is not None and content_type.partition(";")[0].strip().lower() == TYPES[1]


async def read_body(request: web.BaseRequest, most: int = MAX_BODY_BYTES) -> bytes | Refusal:
    """The decompressed body, at most `most` bytes before and after.

    Raises ConnectionError if the sender disconnects.
    """
    announced = request.content_length
    if announced is not None and announced > most:
        return Refusal.TOO_LARGE
    if request.content.is_eof():  # the body arrived together with the headers
        raw: bytes | Refusal = request.content.read_nowait()
    else:
        try:
            async with asyncio.timeout(BODY_TIME_S):
                await _say_go_on(request)
                raw = await _read_all(request, most)
        except TimeoutError:
            return Refusal.TIMEOUT
        except web.RequestPayloadError:  # invalid chunked encoding
            return Refusal.MALFORMED
    if isinstance(raw, Refusal):
        return raw
    if len(raw) > most:
        return Refusal.TOO_LARGE
    encoding = request.headers.get("Content-Encoding")
    return raw if encoding is None else decompressed(raw, encoding.strip().lower(), most)


async def _say_go_on(request: web.BaseRequest) -> None:
    """Send 100 Continue to a sender that waits for it, once its headers are accepted."""
    if "Expect" in request.headers and request.version >= HttpVersion11:
        await request.writer.write(GO_ON)
        request.writer.output_size = 0  # these bytes do not count as the answer


async def _read_all(request: web.BaseRequest, most: int) -> bytes | Refusal:
    body = bytearray()
    while chunk := await request.content.readany():
        body += chunk
        if len(body) > most:
            return Refusal.TOO_LARGE
    return bytes(body)


def decompressed(raw: bytes, encoding: str, most: int = MAX_BODY_BYTES) -> bytes | Refusal:
    """`raw` decompressed; never holds more than `most` + 1 bytes, so decompression bombs do no harm."""
    if encoding in ("", "identity"):
        return raw
    if encoding in ("gzip", "x-gzip"):
        window = GZIP
    elif encoding == "deflate":
        window = ZLIB if raw[:1] and raw[0] & 0x0F == 8 else RAW_DEFLATE
    else:
        return Refusal.BAD_ENCODING
    decoder = zlib.decompressobj(window)
    try:
        body = decoder.decompress(raw, most + 1)
    except zlib.error:
        return Refusal.BAD_ENCODING
    if len(body) > most:
        return Refusal.TOO_LARGE
    return body if decoder.eof and not decoder.unused_data else Refusal.BAD_ENCODING
