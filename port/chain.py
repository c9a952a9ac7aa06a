# Several readers as one: the first that has the module gives it; what came over a line can be kept in flash
# MIT license; Copyright (c) 2026 the pitwasm authors

import os

from .errors import LoadError
from .flash import FlashReader


class Chain:
    """Chain(FlashReader("/modules"), UartReader(uart), keep="/modules"): flash first, then the line, once for each module.

    A reader that fails is passed over; its error is raised when no other has the module.
    keep: a directory, or a FlashReader, where what a reader with `verifies` gave is kept: complete and verified, or not at all.
    """

    def __init__(self, *readers, keep=None):
        self.readers = readers
        self.trouble: OSError | None = None  # why something was not kept (flash full, say): no reason not to load it
        self._keep = FlashReader(keep) if isinstance(keep, str) else keep
        self._open: list = []  # (what was given, source, its reader)
        if self._keep:
            _clean(self._keep)

    def __call__(self, name):
        error = None
        for reader in self.readers:
            try:
                source = reader(name)
            except LoadError as exc:
                error = error or exc
                continue
            if source is not None:
                given = source
                path = self._keep and getattr(reader, "verifies", False) and self._keep.path(name)
                if path:
                    given = _Kept(self, source, path)
                self._open.append((given, source, reader))
                return given
        if error:
            raise error

    def destroy(self, name, given):
        for entry in self._open:
            if entry[0] is given:
                self._open.remove(entry)
                _, source, reader = entry
                try:
                    if given is not source:
                        given.close()
                finally:
                    if hasattr(reader, "destroy"):
                        reader.destroy(name, source)
                return


def _clean(keep):
    """Have the directory, without what was on its way when the power went."""
    directory = keep.directory[:-1] or "/"
    try:
        os.mkdir(directory)
    except OSError:  # there already; what else it may be shows when something is kept
        pass
    try:
        for name in os.listdir(directory):
            if name.endswith(keep.suffix + "~"):
                os.remove(keep.directory + name)
    except OSError:
        pass


class _Kept:
    """A source that is written to a file while it is read. The file takes its name when the end has been read."""

    def __init__(self, chain, source, path):
        self.chain = chain
        self.source = source
        self.path = path
        self.file = None
        try:
            self.file = open(path + "~", "wb")
        except OSError as exc:
            chain.trouble = exc

    def readinto(self, buf):
        try:
            n = self.source.readinto(buf)
        except:
            self.close()
            raise
        if self.file and len(buf):
            try:
                if n:
                    if self.file.write(memoryview(buf)[:n]) != n:
                        raise OSError(28)  # ENOSPC
                else:
                    # A loader gets here only with a module that is valid.
                    self.file.close()
                    os.rename(self.path + "~", self.path)
                    self.file = None
            except OSError as exc:
                self.chain.trouble = exc
                self.close()
        return n

    def close(self):
        """Unless it was read to its end, nothing stays."""
        file = self.file
        if file:
            self.file = None
            try:
                file.close()
            except OSError:
                pass
            os.remove(self.path + "~")
