"""Bytes to messages and back: msgpack through msgspec, validated, never pickle.

Whatever arrives, `decode` gives a message or raises `BadMessageError`; nothing else.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from mezzotint_sdk.errors import BadMessageError
from mezzotint_sdk.messages import Call, FromServer, FromWorker, ToWorker

__all__ = [
    "CALLS",
    "FROM_SERVER",
    "FROM_WORKER",
    "MAX_MESSAGE_BYTES",
    "TO_WORKER",
    "WireCodec",
]

MAX_MESSAGE_BYTES = 64 * 1024 * 1024

T = TypeVar("T")


class WireCodec(Generic[T]):
    """Encoder and decoder for one direction of the wire. Not thread-safe for encode: msgspec's encoders are,
    since each call allocates its own buffer."""

    def __init__(self, kind: object) -> None:
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: msgspec.msgpack.Decoder[T] = msgspec.msgpack.Decoder(kind)

    def encode(self, message: T) -> bytes:
        """Raises BadMessageError when the message is larger than `MAX_MESSAGE_BYTES`."""
        try:
            data = self._encoder.encode(message)
        except (msgspec.MsgspecError, TypeError, OverflowError, UnicodeEncodeError) as error:
            raise BadMessageError(f"A message can't be sent: {error}.") from error
        if len(data) > MAX_MESSAGE_BYTES:
            raise BadMessageError(f"A message of {len(data)} bytes is over the limit of {MAX_MESSAGE_BYTES}.")
        return data

    def decode(self, data: bytes | memoryview) -> T:
        if len(data) > MAX_MESSAGE_BYTES:
            raise BadMessageError(f"A message of {len(data)} bytes is over the limit of {MAX_MESSAGE_BYTES}.")
        try:
            return self._decoder.decode(data)
        # RecursionError: deeply nested msgpack; the last three: damaged strings and numbers
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, OverflowError, ValueError) as error:
            raise BadMessageError(f"Not a message of this protocol: {error}.") from error


CALLS: WireCodec[Call] = WireCodec(Call)
FROM_SERVER: WireCodec[FromServer] = WireCodec(FromServer)
FROM_WORKER: WireCodec[FromWorker] = WireCodec(FromWorker)
TO_WORKER: WireCodec[ToWorker] = WireCodec(ToWorker)
