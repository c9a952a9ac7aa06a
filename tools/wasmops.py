# The WebAssembly instructions: one row each, with types and the code word that does it; source of core/gen/tables.py.
# MIT license; Copyright (c) 2026 the pitwasm authors
from typing import NamedTuple

WIDTH = 7  # bytes per row: class, op, op with constant, op with wide constant, types, flags, sub
# types: low nibble the operands' type - 0x70 (loads and stores: log2 of the bytes), high nibble the result's

I32, I64, F32, F64 = 0x7F, 0x7E, 0x7D, 0x7C

# Classes handled in common (layout.W_*); every other instruction has a class of its own.
CLASSES = ("ILLEGAL", "BIN", "UN", "RARE_BIN", "RARE_UN", "CAST", "LOAD", "STORE", "EQZ",
           "LOCAL_GET", "LOCAL_SET", "LOCAL_TEE", "I32_CONST", "I64_CONST", "F32_CONST", "F64_CONST", "GLOBAL_GET", "GLOBAL_SET",
           "CALL", "BR", "BR_IF", "BLOCK", "LOOP", "IF", "ELSE", "END", "RETURN", "DROP", "SELECT", "SELECT_T", "BR_TABLE", "CALL_INDIRECT",
           "UNREACHABLE", "NOP", "TABLE_GET", "TABLE_SET", "MEMORY_SIZE", "MEMORY_GROW", "REF_NULL", "REF_IS_NULL", "REF_FUNC",
           "MEMORY_INIT", "DATA_DROP", "MEMORY_COPY", "MEMORY_FILL", "TABLE_INIT", "ELEM_DROP", "TABLE_COPY", "TABLE_GROW", "TABLE_SIZE",
           "TABLE_FILL")
# Flags of BIN and UN
COMMUTES, COMPARES, SWAPS, SUBTRACTS, FLOATS, COUNTS = 1, 2, 4, 8, 16, 32
# Flags of LOAD and UN: an i64 whose high word is still to be made from the low word
SIGN, ZERO = 64, 128


class Insn(NamedTuple):
    name: str
    cls: str
    op: str = ""
    imm: str = ""
    wide: str = ""
    tin: int = 0
    tout: int = 0
    flags: int = 0
    sub: int | str = 0
    plus: int = 0  # added to op: which of a family


INSNS: dict[int, Insn] = {}  # opcode; 0xFC n is 0xE0 + n


def _fill() -> None:
    own = {0x00: "unreachable", 0x01: "nop", 0x02: "block", 0x03: "loop", 0x04: "if", 0x05: "else", 0x0B: "end", 0x0C: "br", 0x0D: "br_if",
           0x0E: "br_table", 0x0F: "return", 0x10: "call", 0x11: "call_indirect", 0x1A: "drop", 0x1B: "select", 0x1C: "select_t",
           0x20: "local.get", 0x21: "local.set", 0x22: "local.tee", 0x23: "global.get", 0x24: "global.set", 0x25: "table.get",
           0x26: "table.set", 0x3F: "memory.size", 0x40: "memory.grow", 0x41: "i32.const", 0x42: "i64.const", 0x43: "f32.const",
           0x44: "f64.const", 0xD0: "ref.null", 0xD1: "ref.is_null", 0xD2: "ref.func", 0xE8: "memory.init", 0xE9: "data.drop",
           0xEA: "memory.copy", 0xEB: "memory.fill", 0xEC: "table.init", 0xED: "elem.drop", 0xEE: "table.copy", 0xEF: "table.grow",
           0xF0: "table.size", 0xF1: "table.fill"}
    for opcode, name in own.items():
        INSNS[opcode] = Insn(name, name.upper().replace(".", "_"))

    def loads(at: int, rows: str) -> None:
        for i, row in enumerate(rows.split()):
            name, op, log2, t, flags = row.split(":")
            const = {"LOAD": "LOAD_C", "LOAD8_U": "LOAD8_U_C"}.get(op, "")
            INSNS[at + i] = Insn(name, "LOAD", op, op + "_W", const, int(log2), int(t, 16), {"s": SIGN, "u": ZERO, "": 0}[flags], "S:G_" + op)

    loads(0x28, "i32.load:LOAD:2:7F: i64.load:LOAD64:3:7E: f32.load:LOAD:2:7D: f64.load:LOAD64:3:7C: i32.load8_s:LOAD8_S:0:7F: "
                "i32.load8_u:LOAD8_U:0:7F: i32.load16_s:LOAD16_S:1:7F: i32.load16_u:LOAD16_U:1:7F: i64.load8_s:LOAD8_S:0:7E:s "
                "i64.load8_u:LOAD8_U:0:7E:u i64.load16_s:LOAD16_S:1:7E:s i64.load16_u:LOAD16_U:1:7E:u i64.load32_s:LOAD:2:7E:s "
                "i64.load32_u:LOAD:2:7E:u")
    for i, row in enumerate("i32.store:STORE:2:7F i64.store:STORE64:3:7E f32.store:STORE:2:7D f64.store:STORE64:3:7C i32.store8:STORE8:0:7F "
                            "i32.store16:STORE16:1:7F i64.store8:STORE8:0:7E i64.store16:STORE16:1:7E i64.store32:STORE:2:7E".split()):
        name, op, log2, t = row.split(":")
        const = {"STORE": "STORE_C", "STORE8": "STORE8_C"}.get(op, "")
        INSNS[0x36 + i] = Insn(name, "STORE", op, op + "_W", const, int(log2), int(t, 16), 0, "S:G_" + op)

    kinds = (("eq", "EQ", 0, 0), ("ne", "NE", 1, 0), ("lt_s", "LT_S", 2, 0), ("lt_u", "LT_U", 4, 0), ("gt_s", "LT_S", 2, SWAPS), ("gt_u", "LT_U", 4, SWAPS),
             ("le_s", "GE_S", 3, SWAPS), ("le_u", "GE_U", 5, SWAPS), ("ge_s", "GE_S", 3, 0), ("ge_u", "GE_U", 5, 0))
    INSNS[0x45] = Insn("i32.eqz", "EQZ", tin=I32, tout=I32)
    INSNS[0x50] = Insn("i64.eqz", "UN", "I64_EQZ", tin=I64, tout=I32)
    for i, (name, _, number, flags) in enumerate(kinds):
        commutes = COMMUTES if number < 2 else 0
        INSNS[0x46 + i] = Insn("i32." + name, "BIN", "I32_CMP", "I32_CMP_I", "", I32, I32, COMPARES | flags | commutes, number)
        INSNS[0x51 + i] = Insn("i64." + name, "BIN", "I64_CMP", "", "", I64, I32, flags, plus=number)
    fkinds = (("eq", 8, 0), ("ne", 9, 0), ("lt", 10, 0), ("gt", 10, SWAPS), ("le", 11, 0), ("ge", 11, SWAPS))
    for i, (name, n, flags) in enumerate(fkinds):
        INSNS[0x5B + i] = Insn("f32." + name, "BIN", "FLOAT", tin=F32, tout=I32, flags=FLOATS | flags, plus=n)
        INSNS[0x61 + i] = Insn("f64." + name, "BIN", "FLOAT", tin=F64, tout=I32, flags=FLOATS | flags, plus=16 + n)

    for base, t, name in ((0x67, I32, "i32"), (0x79, I64, "i64")):
        for i, s in enumerate(("clz", "ctz", "popcnt")):
            INSNS[base + i] = Insn(f"{name}.{s}", "RARE_UN", tin=t, tout=t, sub=f"S:{name.upper()}_{s.upper()}")
    arith = (("add", "ADD", COMMUTES), ("sub", "SUB", SUBTRACTS), ("mul", "MUL", COMMUTES), ("div_s", "DIV", 0), ("div_u", "DIV", 1), ("rem_s", "DIV", 2),
             ("rem_u", "DIV", 3), ("and", "AND", COMMUTES), ("or", "OR", COMMUTES), ("xor", "XOR", COMMUTES), ("shl", "SHL", COUNTS),
             ("shr_s", "SHR_S", COUNTS), ("shr_u", "SHR_U", COUNTS), ("rotl", "ROTL", COUNTS), ("rotr", "ROTR", 0))
    for i, (name, op, flags) in enumerate(arith):
        if op == "DIV":
            INSNS[0x6A + i] = Insn("i32." + name, "BIN", "I32_DIV", "", "", I32, I32, 0, plus=flags)
            INSNS[0x7C + i] = Insn("i64." + name, "RARE_BIN", tin=I64, tout=I64, sub="S:I64_" + name.upper())
            continue
        imm = "" if op == "ROTR" else "I32_" + op + "_I"
        family, plus = ("ROT", int(op == "ROTR")) if op.startswith("ROT") else (op, 0)
        wide = "I32_" + op + "_W" if op in ("ADD", "MUL", "AND", "OR", "XOR") else "I32_ADD_W" if op == "SUB" else ""
        INSNS[0x6A + i] = Insn("i32." + name, "BIN", "I32_" + family, imm, wide, I32, I32, flags, plus=plus)
        family, plus = {"AND": ("LOGIC", 0), "OR": ("LOGIC", 1), "XOR": ("LOGIC", 2), "SHL": ("SHIFT", 0), "SHR_S": ("SHIFT", 1),
                        "SHR_U": ("SHIFT", 2)}.get(op, (family, plus))
        INSNS[0x7C + i] = Insn("i64." + name, "BIN", "I64_" + family, "", "", I64, I64, flags & COMMUTES, plus=plus)

    unary = ("abs", "neg", "ceil", "floor", "trunc", "nearest", "sqrt")
    binary = ("add", "sub", "mul", "div", "min", "max", "copysign")
    for base, t, name, number in ((0x8B, F32, "f32", 0), (0x99, F64, "f64", 1)):
        for i, s in enumerate(unary):
            INSNS[base + i] = Insn(f"{name}.{s}", "UN", "FLOAT", tin=t, tout=t, flags=FLOATS, sub=8 * number + i, plus=12)
        for i, s in enumerate(binary):
            INSNS[base + 7 + i] = Insn(f"{name}.{s}", "BIN", "FLOAT", tin=t, tout=t, flags=FLOATS, plus=16 * number + i)

    def convert(opcode: int, name: str, tin: int, tout: int, sub: int) -> None:
        INSNS[opcode] = Insn(name, "UN", "FLOAT", tin=tin, tout=tout, flags=FLOATS, sub=sub, plus=12)

    def cast(opcode: int, name: str, tin: int, tout: int) -> None:
        INSNS[opcode] = Insn(name, "CAST", tin=tin, tout=tout)

    cast(0xA7, "i32.wrap_i64", I64, I32)
    for i, (name, t, sub) in enumerate((("f32_s", F32, 16), ("f32_u", F32, 17), ("f64_s", F64, 18), ("f64_u", F64, 19))):
        convert(0xA8 + i, "i32.trunc_" + name, t, I32, sub)
        convert(0xAE + i, "i64.trunc_" + name, t, I64, sub + 4)
        convert(0xE0 + i, "i32.trunc_sat_" + name, t, I32, sub + 8)
        convert(0xE4 + i, "i64.trunc_sat_" + name, t, I64, sub + 12)
    INSNS[0xAC] = Insn("i64.extend_i32_s", "UN", "I64_EXTEND_S", tin=I32, tout=I64)
    INSNS[0xAD] = Insn("i64.extend_i32_u", "UN", "I64_EXTEND_U", tin=I32, tout=I64)
    for i, (name, t) in enumerate((("i32_s", I32), ("i32_u", I32), ("i64_s", I64), ("i64_u", I64))):
        convert(0xB2 + i, "f32.convert_" + name, t, F32, 32 + i)
        convert(0xB7 + i, "f64.convert_" + name, t, F64, 37 + i)
    convert(0xB6, "f32.demote_f64", F64, F32, 36)
    convert(0xBB, "f64.promote_f32", F32, F64, 41)
    cast(0xBC, "i32.reinterpret_f32", F32, I32)
    cast(0xBD, "i64.reinterpret_f64", F64, I64)
    cast(0xBE, "f32.reinterpret_i32", I32, F32)
    cast(0xBF, "f64.reinterpret_i64", I64, F64)
    INSNS[0xC0] = Insn("i32.extend8_s", "UN", "I32_EXTEND8_S", tin=I32, tout=I32)
    INSNS[0xC1] = Insn("i32.extend16_s", "UN", "I32_EXTEND16_S", tin=I32, tout=I32)
    INSNS[0xC2] = Insn("i64.extend8_s", "UN", "I32_EXTEND8_S", tin=I64, tout=I64, flags=SIGN)
    INSNS[0xC3] = Insn("i64.extend16_s", "UN", "I32_EXTEND16_S", tin=I64, tout=I64, flags=SIGN)
    INSNS[0xC4] = Insn("i64.extend32_s", "UN", "I64_EXTEND_S", tin=I64, tout=I64)


_fill()


def rows(number: dict[str, int]) -> dict[int, bytes]:
    """Opcode -> row of WIDTH bytes; `number` gives the codes of operations and (behind "S:") of rare sub-operations."""
    out = {}
    for opcode, i in INSNS.items():
        sub = number[i.sub] if isinstance(i.sub, str) else i.sub
        op = number[i.op] + i.plus if i.op else 0
        out[opcode] = bytes([CLASSES.index(i.cls), op, number[i.imm], number[i.wide], i.tin & 15 | (i.tout & 15) << 4, i.flags, sub])
    return out
