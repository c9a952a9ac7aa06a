# Running a program or a function as WAMR's command line does: arguments as text (wasm_application.h)
# MIT license; Copyright (c) 2026 the pitwasm authors

from .errors import Exit, PitwasmError


def parse(text, kind, raw=True):
    """The bits that an argument of type `kind` stands for; ValueError. Its type may follow it as in results ("7:i32"),
    references can only be null. raw: a float may be its bits ("0x3f000000")."""
    value, _, given = text.partition(":")
    if given and given != kind:
        raise ValueError("argument '%s' is for a parameter of type %s" % (text, kind))
    try:
        return _bits(value, kind, raw)
    except ValueError:
        raise ValueError("argument '%s' is no %s" % (text, kind))


def _bits(value, kind, raw):
    if kind == "f32" or kind == "f64":
        if raw and value[:2] in ("0x", "0X"):
            bits = int(value, 16)
            if bits >> int(kind[1:]):
                raise ValueError
            return bits
        from .numbers import parse_f32, parse_f64

        return (parse_f32 if kind == "f32" else parse_f64)(value)
    if kind[0] == "i":
        n = int(value, 0)
        size = int(kind[1:])
        if not -(1 << size - 1) <= n < 1 << size:
            raise ValueError
        return n
    if value != "null":
        raise ValueError
    return 0


def execute_func(rt, instance, name, argv):
    """Runtime.application_execute_func."""
    f = rt.lookup_function(instance, name)
    kinds = f.type[0].split()
    if len(kinds) != len(argv):
        raise PitwasmError("invalid input argument count: %d for %d parameters of '%s'" % (len(argv), len(kinds), name), instance.name)
    args = []
    for text, kind in zip(argv, kinds):
        try:
            args.append(parse(text, kind, False))
        except ValueError as exc:
            raise PitwasmError("invalid input: %s" % exc, instance.name)
    return _values(f, f.call_bits(*args))


def _values(f, found):
    """Raw results as Python values."""
    import struct

    values = []
    for bits, kind in zip(found, f.type[1].split()):
        if kind[0] == "i":
            size = int(kind[1:])
            bits -= (bits >> size - 1) << size
        elif kind == "f32":
            bits = struct.unpack("<f", struct.pack("<I", bits))[0]
        elif kind == "f64":
            bits = struct.unpack("<d", struct.pack("<Q", bits))[0]
        elif kind == "funcref":
            from .values import function_of

            bits = function_of(f._inst, bits) if bits else None
        else:
            bits = f._inst._rt._externs[bits - 1] if bits else None
        values.append(bits)
    return tuple(values) if len(values) > 1 else values[0] if values else None


def execute_main(rt, instance, argv):
    """Runtime.application_execute_main."""
    for name in ("_start", "__main_argc_argv", "main", "_main"):
        found = instance._export(name)
        if found and found[0] == 0:
            break
    else:
        raise PitwasmError("lookup the entry point symbol (like _start, main, _main, __main_argc_argv) failed", instance.name)
    f = instance._function(found[1])
    try:
        if f.type[0] == "" and f.type[1] in ("", "i32"):
            return f() or 0
        if f.type[0] != "i32 i32" or f.type[1] not in ("", "i32"):
            raise PitwasmError("invalid function type of main function", instance.name)
        return f(len(argv), _argv(instance, argv)) or 0
    except Exit as exc:
        return exc.status


def _argv(instance, argv):
    """Address of an array of strings in the instance's memory, from its malloc()."""
    if not argv:
        return 0
    words = [word.encode() + b"\0" for word in argv]
    table = 4 * len(words) + 4
    memory = instance.memory
    if memory is None or "malloc" not in instance.exports:
        raise PitwasmError("main's arguments need a memory, and an exported malloc", instance.name)
    at = instance.exports.malloc(table + sum([len(word) for word in words]))
    if not at:
        raise PitwasmError("no memory for main's arguments", instance.name)
    view = memory.view(at, table + sum([len(word) for word in words]))
    end = table
    for i, word in enumerate(words):
        for k in range(4):
            view[4 * i + k] = at + end >> 8 * k & 255
        view[end : end + len(word)] = word
        end += len(word)
    for k in range(4):
        view[table - 4 + k] = 0
    return at
