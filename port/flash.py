# The flash reader: modules are the files of one directory of the device's filesystem; and the pinned digests
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# A reader is what Runtime.set_module_reader() takes: reader(name) gives the module's bytes, a stream with readinto(), or None
# when it has no such module; reader.destroy(name, source) closes what it gave.

import os
from binascii import hexlify
from hashlib import sha256

from .errors import LoadError


class FlashReader:
    """Reads NAME.wasm of one directory, and nothing else: a name cannot leave it.

    pins: see check_pin(); the file is read once more for it, before it is loaded.
    """

    def __init__(self, directory, suffix=".wasm", pins=None):
        self.directory = directory if directory[-1:] == "/" else (directory or ".") + "/"
        self.suffix = suffix
        self.pins = pins

    def path(self, name):
        """The file a module of that name is in; None for names that are no file's on one of MicroPython's filesystems."""
        # FAT takes the backslash for a slash and the colon for a drive's; C ends a path at NUL.
        if name[:1] in ("", "."):
            return None
        for c in name:
            if c < " " or c in '/\\:*?"<>|\x7f':
                return None
        return self.directory + name + self.suffix

    def __call__(self, name):
        path = self.path(name)
        if path is None:
            return None
        try:
            if os.stat(path)[0] & 0xF000 != 0x8000:  # neither a directory, nor what would block
                return None
        except OSError:  # not there, or not a name this filesystem can hold
            return None
        try:
            file = open(path, "rb")
            if self.pins is not None:
                try:
                    check_pin(self.pins, name, _digest(file))
                    file.seek(0)
                except:
                    file.close()
                    raise
        except OSError as exc:
            raise LoadError("cannot read %s: %r" % (path, exc), name)
        return file

    def destroy(self, name, source):
        source.close()


def _digest(file):
    digest = sha256()
    buf = bytearray(256)
    view = memoryview(buf)
    while True:
        n = file.readinto(buf)
        if not n:
            return digest.digest()
        digest.update(view[:n])


def check_pin(pins, name, digest):
    """Raise LoadError unless this SHA-256 is pinned.

    pins: digests as sha256sum prints them, in a list, tuple or set: these modules and no others, under any name; or a
    dictionary with a digest, or several of them, for each name.
    """
    text = str(hexlify(digest), "ascii")
    if text not in (pins.get(name, ()) if isinstance(pins, dict) else pins):
        raise LoadError("its SHA-256 is not pinned: %s; pin it if it is what you want to run" % text, name)
