# Typed errors: everything the runtime raises on purpose is a PitwasmError.
# MIT license; Copyright (c) 2026 the pitwasm authors


class PitwasmError(Exception):
    """Base of all errors of the runtime. str() is one line for people.

    Attributes: `module` (name or None), `offset` (byte offset in the binary or None), `function` (index or None), `chain`: names of
    the modules that led there, outermost first, and of the import or module it was about.
    """

    chain = ()

    module = None
    offset = None
    function = None

    def __init__(self, text, module=None, offset=None, function=None):
        self.text = text
        self.module = module
        self.offset = offset
        self.function = function
        super().__init__(text)

    def __str__(self):
        where = "" if self.module is None else self.module + ": "
        if self.function is not None:
            where += "function %d: " % self.function
        at = "" if self.offset is None else " (at byte %d)" % self.offset
        if len(self.chain) > 1:
            at += " (%s)" % " -> ".join(self.chain)
        return where + self.text + at


class LoadError(PitwasmError):
    """The bytes are not a WebAssembly module (WebAssembly 5: malformed), or the source gave too few of them."""


class ValidationError(PitwasmError):
    """Well-formed, but invalid (WebAssembly 3)."""


class LinkError(PitwasmError):
    """An import does not resolve or does not match, or a segment does not fit (WebAssembly 4.5.4)."""


class Trap(PitwasmError):
    """Execution trapped. `frames` is the backtrace, innermost first: (module name, function name or index, offset)."""

    frames = ()

    def backtrace(self):
        """One line per frame, innermost first: `  at module!function+offset`."""
        return "\n".join("  at %s!%s+%d" % f for f in self.frames)


class OutOfFuel(Trap):
    """Runtime.fuel is used up. While `resumable`, Runtime.resume() goes on with the call (after fuel was added)."""

    resumable = True


class Exit(PitwasmError):
    """The program ended itself (WASI: proc_exit). `status` is its exit status."""

    def __init__(self, status):
        self.status = status
        super().__init__("wasi proc exit")


class PoolExhausted(PitwasmError):
    """The pool has no block of the size asked. Nothing was changed.

    Attributes, all in bytes: `asked`, `free` (all free blocks together), `largest` (the largest of them).
    """

    def __init__(self, asked, free, largest, what=None):
        self.asked = asked
        self.free = free
        self.largest = largest
        super().__init__("pool exhausted: %d bytes asked, %d free, largest block %d; give a larger pool or unload a module"
                         % (asked, free, largest), what)


class Reject(Exception):
    """Internal: the translator's way out; args[0] is a key of messages.MESSAGES."""
