# What a module is read from: its first bytes, which tell a prepared image from WebAssembly, and streams with their tempers
# MIT license; Copyright (c) 2026 the pitwasm authors

from micropython import const

from .errors import LoadError

_RETRIES = const(200)  # times a stream may have nothing to give, 5 ms apart

MAGIC = b"\0pwi"  # of a prepared image (layout.IH_MAGIC)


def buffer(source):
    """A view of a bytes-like source, None for a stream. TypeError for what is neither."""
    if hasattr(source, "readinto"):
        return None
    try:
        return memoryview(source)
    except TypeError:
        raise TypeError("a module's source is bytes-like or has readinto()")


def readinto(source, view):
    """Up to len(view) bytes of a stream, once there are some; how many, 0 at its end. LoadError when it fails."""
    for _ in range(_RETRIES):
        try:
            n = source.readinto(view)
        except OSError as exc:
            error = LoadError("source failed: %r" % exc)
            error.__cause__ = exc
            raise error
        if n is not None:
            if isinstance(n, int) and 0 <= n <= len(view):
                return n
            raise LoadError("source failed: readinto() gave %r" % (n,))
        import time

        time.sleep_ms(5)
    raise LoadError("source failed: no data for %d ms" % (5 * _RETRIES))


def load(pool, source, name, lazy, names, rt=None):
    """Load what `source` holds, WebAssembly or a prepared image; its module record. rt: machine code of images may go there."""
    data = buffer(source)
    if data is not None:
        head = bytes(data[:4])
    else:
        view = memoryview(bytearray(4))
        at = 0
        try:
            while at < 4:
                n = readinto(source, view[at:])
                if not n:
                    break
                at += n
        except LoadError as exc:  # a source's own errors say where they come from
            if exc.module is None:
                exc.module = name
                exc.offset = at
            raise
        head = bytes(view[:at])
    if head == MAGIC:
        try:
            from .image import load as load_image
        except ImportError:
            raise LoadError("this is a prepared image; to load it install pitwasm's part images", name)
        return load_image(pool, source, data, name, rt)
    from . import decode

    return decode.load(pool, source, name, lazy, names, b"" if data is not None else head)
