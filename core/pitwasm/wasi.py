# WASI preview 1: its 46 functions, loaded for the first module that imports one; see wasi_files.py, wasi_paths.py for files
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# What was instantiated together, a module and the submodules it brought along, shares one Wasi: descriptors, arguments,
# environment. It lasts as long as one of them that imports from it.

import os
import select
import sys
import time

from micropython import const

from .driver import s32
from .errors import Exit, LinkError
from .pool import get32
from .wasi_files import device
from .wasi_paths import Paths, preopened

_BADF = const(-8)
_INVAL = const(-28)
_NOTSOCK = const(-57)
_NOTSUP = const(-58)

# errno by the host's (WASI counts them in alphabetical order), 0 … 40; others are EIO.
_ERRNO = bytes((
    0, 63, 44, 71, 27, 29, 60, 1, 45, 8, 12, 6, 48, 2, 21, 29, 10, 20, 75, 43, 54,
    31, 28, 41, 33, 59, 74, 22, 51, 70, 69, 34, 64, 18, 68, 16, 37, 46, 52, 55, 32,
))  # fmt: skip
_EIO = const(29)

# The functions' parameters in WAMR's letters; all but proc_exit return an errno.
_TYPES = {
    "args_get": "ii",
    "args_sizes_get": "ii",
    "environ_get": "ii",
    "environ_sizes_get": "ii",
    "clock_res_get": "ii",
    "clock_time_get": "iIi",
    "fd_advise": "iIIi",
    "fd_allocate": "iII",
    "fd_close": "i",
    "fd_datasync": "i",
    "fd_fdstat_get": "ii",
    "fd_fdstat_set_flags": "ii",
    "fd_fdstat_set_rights": "iII",
    "fd_filestat_get": "ii",
    "fd_filestat_set_size": "iI",
    "fd_filestat_set_times": "iIIi",
    "fd_pread": "iiiIi",
    "fd_prestat_get": "ii",
    "fd_prestat_dir_name": "iii",
    "fd_pwrite": "iiiIi",
    "fd_read": "iiii",
    "fd_readdir": "iiiIi",
    "fd_renumber": "ii",
    "fd_seek": "iIii",
    "fd_sync": "i",
    "fd_tell": "ii",
    "fd_write": "iiii",
    "path_create_directory": "iii",
    "path_filestat_get": "iiiii",
    "path_filestat_set_times": "iiiiIIi",
    "path_link": "iiiiiii",
    "path_open": "iiiiiIIii",
    "path_readlink": "iiiiii",
    "path_remove_directory": "iii",
    "path_rename": "iiiiii",
    "path_symlink": "iiiii",
    "path_unlink_file": "iii",
    "poll_oneoff": "iiii",
    "proc_exit": "i",
    "proc_raise": "i",
    "sched_yield": "",
    "random_get": "ii",
    "sock_accept": "iii",
    "sock_recv": "iiiiii",
    "sock_send": "iiiii",
    "sock_shutdown": "ii",
}


class Call:
    """A function of a Wasi as modules import it: errors become its result."""

    def __init__(self, wasi, name):
        self.wasi = wasi
        self.function = getattr(wasi, name)
        wasi.uses += 1

    def __call__(self, *args):
        try:
            return self.function(*args) or 0
        except OSError as exc:
            n = exc.errno or 5
            return -n if n < 0 else _ERRNO[n] if n < len(_ERRNO) else _EIO
        except UnicodeError:
            return 25  # EILSEQ
        except OverflowError:
            return 61  # EOVERFLOW
        except MemoryError:
            return 48  # ENOMEM

    def _released(self):
        """No module imports it any more."""
        self.wasi.uses -= 1
        if not self.wasi.uses:
            self.wasi.close()


def native(rt, name):
    """(signature, callable) of the function `name` for the module that is being linked, None when there is none."""
    letters = _TYPES.get(name)
    if letters is None:
        return None
    if not rt._context:
        settings = rt._module(rt._linking[0])._wasi or rt._wasi or {}
        rt._context = Wasi(rt, **settings)
    return "(" + letters + (")" if name == "proc_exit" else ")i"), Call(rt._context, name)


class Wasi(Paths):
    """The world of one program. Arguments: Runtime.set_wasi_args()."""

    def __init__(self, rt, dirs=(), mapped_dirs=(), env=(), argv=(), stdin=None, stdout=None, stderr=None, preopens=None):
        super().__init__(rt)
        self.uses = 0  # Call objects that modules have
        self.argv = [_text(word) for word in argv]
        env = ["%s=%s" % pair for pair in env.items()] if isinstance(env, dict) else env
        self.env = [_text(word) for word in env]
        self.fds.append(device(stdin or sys.stdin, 2))  # FD_READ
        self.fds.append(device(stdout or sys.stdout, 64))  # FD_WRITE
        self.fds.append(device(stderr or sys.stderr, 64))
        found = [(host, host) for host in dirs]
        for pair in mapped_dirs:
            guest, _, host = pair.partition("::")
            found.append((host, guest))
        for guest in preopens or ():
            found.append((preopens[guest], guest))
        for host, guest in found:
            try:
                self.fds.append(preopened(host, guest))
            except OSError:
                raise LinkError("no directory '%s' to be preopened" % host)
        # The monotonic clock counts from here. Ticks wrap, so it is put forward at every look at it.
        self.now = 0
        self.ms = time.ticks_ms()
        self.us = time.ticks_us()

    # ---- arguments, environment ------------------------------------------------------------------------------------------

    def _sizes(self, words, count, size):
        self.put32(count, len(words))
        self.put32(size, sum([len(word) for word in words]))

    def _words(self, words, p, text):
        for word in words:
            self.put32(p, text)
            self.view(text, len(word))[:] = word
            p += 4
            text += len(word)

    def args_sizes_get(self, count, size):
        self._sizes(self.argv, count, size)

    def args_get(self, argv, text):
        self._words(self.argv, argv, text)

    def environ_sizes_get(self, count, size):
        self._sizes(self.env, count, size)

    def environ_get(self, environ, text):
        self._words(self.env, environ, text)

    # ---- clocks ----------------------------------------------------------------------------------------------------------

    def clock(self, id):
        """Nanoseconds of clock 0 (since 1970) or 1 (monotonic)."""
        if id == 0:
            return time.time_ns() + (946684800000000000 if time.gmtime(0)[0] == 2000 else 0)
        if id != 1:
            raise OSError(_INVAL)
        ms = time.ticks_ms()
        us = time.ticks_us()
        gone = time.ticks_diff(ms, self.ms)
        # Microseconds, as long as their ticks cannot have wrapped: half the period is nine minutes.
        self.now += time.ticks_diff(us, self.us) if gone < 500000 else gone * 1000
        self.ms = ms
        self.us = us
        return self.now * 1000

    def clock_res_get(self, id, p):
        if not 0 <= id <= 1:
            raise OSError(_INVAL)
        self.put64(p, 1000)

    def clock_time_get(self, id, precision, p):
        self.put64(p, self.clock(id))

    # ---- waiting ---------------------------------------------------------------------------------------------------------

    def poll_oneoff(self, p, events, n, count):
        """Wait for the first of n subscriptions."""
        if not n:
            raise OSError(_INVAL)
        self.at(p, 48 * n, 7)
        self.at(events, 32 * n, 7)
        self.at(count, 4, 3)
        waiting = None
        start = self.clock(1)
        while True:
            found = 0
            least = -1
            for at in range(p, p + 48 * n, 48):
                error = 0
                size = 0
                try:
                    kind, left, f = self._subscription(at, start)
                    if f:
                        mask = select.POLLIN if kind == 1 else select.POLLOUT
                        if not _ready(f, mask):
                            if waiting is None:
                                waiting = select.poll()
                            waiting.register(f.stream, mask)
                            continue
                        size = 1
                    elif left > 0:
                        least = left if least < 0 else min(least, left)
                        continue
                except OSError as exc:
                    error = -(exc.errno or 0)
                    kind = self._byte(at + 8)
                    if error == -_INVAL and kind:
                        raise
                low = self.at(at, 8)
                low = get32(self.rt._buf, low) | get32(self.rt._buf, low + 4) << 32
                self.put64(events + 32 * found, low, error | kind << 16, size, 0)
                found += 1
            if found:
                break
            if waiting:
                waiting.poll(-1 if least < 0 else min(least // 1000000 + 1, 60000))
            elif least < 10000000:
                time.sleep_us(least // 1000 + 1)
            else:
                time.sleep_ms(min(least // 1000000, 60000))
        self.put32(count, found)

    def _byte(self, p):
        return self.rt._buf[self.at(p, 1)]

    def _subscription(self, p, start):
        """(event type, nanoseconds left on a clock, descriptor to wait for or None) of a subscription."""
        kind = self._byte(p + 8)
        at = self.at(p + 16, 32)
        buf = self.rt._buf
        if kind > 2:
            raise OSError(_INVAL)
        if kind:
            f = self.get(s32(buf, at))
            # FD_READ or FD_WRITE
            if f.stream is None or not f.rights & (2 if kind == 1 else 64):
                raise OSError(_BADF)
            return kind, 0, f
        id = s32(buf, at)
        now = self.clock(id)
        due = get32(buf, at + 8) | get32(buf, at + 12) << 32
        if not buf[at + 24] & 1:  # SUBSCRIPTION_CLOCK_ABSTIME
            now = self.clock(1) - start
        return kind, due - now, None

    def sched_yield(self):
        time.sleep_ms(0)

    # ---- the rest --------------------------------------------------------------------------------------------------------

    def random_get(self, p, n):
        out = self.view(p, n)
        for i in range(0, n, 64):
            size = min(64, n - i)
            out[i : i + size] = os.urandom(size)

    def proc_exit(self, status):
        raise Exit(status & 0xFFFFFFFF)

    def proc_raise(self, signal):
        raise OSError(_NOTSUP)

    def sock_accept(self, fd, *_):
        """No descriptor is a socket."""
        self.get(fd)
        raise OSError(_NOTSOCK)

    sock_recv = sock_send = sock_shutdown = sock_accept


def _ready(f, mask):
    """Can a descriptor be read or written without waiting? Files, and streams that do not know, always can."""
    if f.path is not None:
        return True
    try:
        poll = select.poll()
        poll.register(f.stream, mask)
        return bool(poll.poll(0))
    except (OSError, AttributeError, TypeError):
        return True


def _text(word):
    word = word.encode() if isinstance(word, str) else bytes(word)
    if b"\0" in word:
        raise ValueError("a NUL in an argument or variable of a program")
    return word + b"\0"
