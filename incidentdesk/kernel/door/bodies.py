"""Bodies of requests: whole before anybody works on them, or refused; a slow sender holds memory of its own and no thread.

Nothing of a body that came in part ever reaches the application, so nothing that was cut off is stored as if it were all.
"""

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from granian._granian import RSGIHTTPProtocol as HTTPProtocol

WHOLE: Final = 256 * 1024  # bytes that are taken in before anybody looks at the request
SECONDS: Final = 10.0  # for these, from the end of the head
LONG_SECONDS: Final = 20.0  # for what follows, once the application has asked for it
OF_ONE: Final = 32  # unfinished bodies of one client, in one process
HELD: Final = 64 * 1024 * 1024  # bytes of unfinished bodies of all, in one process
_TOO_LONG: Final = f"The request has more than {WHOLE // 1024} KiB. Nothing of it was saved."


class Refused(Exception):
    """The request ends here, with this status and this sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Bodies:
    """The unfinished bodies of one process. Used by its event loop alone."""

    def __init__(self) -> None:
        self._of: dict[
            str, dict[asyncio.Timeout, int]
        ] = {}  # of each client, the oldest first, with their bytes
        self._held = 0

    async def read(
        self, proto: "HTTPProtocol", length: int | None, *, client: str, may_be_long: bool
    ) -> BinaryIO:
        """The body, within `SECONDS`; of one that may be long the first part, and the rest when it is read.
        `length` is None where it is chunked. Raises Refused."""
        if length is not None and length > WHOLE and not may_be_long:
            raise Refused(413, _TOO_LONG)
        size = WHOLE if length is None else min(length, WHOLE)
        try:
            async with asyncio.timeout(SECONDS) as limit:
                with self._place(client, limit, size):
                    if length is not None and length <= WHOLE:
                        return io.BytesIO(await proto())
                    return await self._first(proto, may_be_long=may_be_long)
        except TimeoutError:
            raise Refused(
                408, "The request did not arrive in time. Nothing of it was saved; send it again."
            ) from None
        except RuntimeError:  # granian's word for a connection that broke off
            raise Refused(400, "The request broke off. Nothing of it was saved.") from None

    async def _first(self, proto: "HTTPProtocol", *, may_be_long: bool) -> BinaryIO:
        parts, size = bytearray(), 0
        chunks: AsyncIterator[bytes] = aiter(proto)
        async for chunk in chunks:
            parts += chunk
            size += len(chunk)
            if size > WHOLE:
                if not may_be_long:
                    raise Refused(
                        413, f"The request has more than {WHOLE // 1024} KiB. Nothing of it was saved."
                    )
                return io.BufferedReader(_Rest(bytes(parts), chunks, asyncio.get_running_loop()), WHOLE)
        return io.BytesIO(parts)

    @contextmanager
    def _place(self, client: str, limit: asyncio.Timeout, size: int) -> Iterator[None]:
        """Count it. Where that is too much the oldest unfinished body goes, that of whoever holds most: never the new one,
        so that a request that comes as a whole always finds room."""
        mine = self._of.setdefault(client, {})
        mine[limit] = size
        self._held += size
        if len(mine) > OF_ONE:
            self._end_oldest(mine)
        while self._held > HELD:
            self._end_oldest(max(self._of.values(), key=lambda each: sum(each.values())))
        try:
            yield
        finally:
            self._held -= mine.pop(limit, 0)
            if not mine:
                self._of.pop(client, None)

    def _end_oldest(self, theirs: dict[asyncio.Timeout, int]) -> None:
        limit = next(iter(theirs))
        self._held -= theirs.pop(limit)
        limit.reschedule(asyncio.get_running_loop().time())


class _Rest(io.RawIOBase):
    """A long body: what came already, then what comes, waited for in the reader's thread."""

    def __init__(self, first: bytes, chunks: AsyncIterator[bytes], loop: asyncio.AbstractEventLoop) -> None:
        self._part = memoryview(first)
        self._chunks = chunks
        self._loop = loop
        self._until = loop.time() + LONG_SECONDS

    def readable(self) -> bool:
        """It can only be read."""
        return True

    def readinto(self, into: "memoryview") -> int:  # type: ignore[override]  # any writable buffer is a memoryview here
        """Some bytes; none at the end. Raises TimeoutError, or OSError where the sender broke off."""
        while not self._part:
            try:
                coming = asyncio.run_coroutine_threadsafe(self._next(), self._loop)
                part = coming.result()
            except (RuntimeError, CancelledError) as error:
                raise OSError("the request broke off") from error
            if part is None:
                return 0
            self._part = memoryview(part)
        size = min(len(into), len(self._part))
        into[:size] = self._part[:size]
        self._part = self._part[size:]
        return size

    async def _next(self) -> bytes | None:
        async with asyncio.timeout_at(self._until):
            return await anext(self._chunks, None)
