# How the native tier lowers each code word: its class, an argument, and which slots it reads and writes (core/gen/forms.py)
# MIT license; Copyright (c) 2026 the pitwasm authors
from tools.ops import Op

# Classes of words in core/pitwasm/lower.py (layout.L_*). What is not named below is HAND: the loop does that word, native code goes
# on behind it.
CLASSES = (
    "HAND", "STOP", "NEVER", "BIN", "BINI", "BINW", "SUBI", "DIV", "EXT", "CMP", "CMPI", "BR", "BRR", "BRI", "TABLE", "RET", "RET1",
    "RET2", "RETN", "CALL", "REF", "MOV", "MOV64", "CONST", "CONSTW", "CONST64", "CONST64W", "GETW", "SETW", "SEL", "SEL64", "GGET",
    "GGET64", "GSET", "GSET64", "LOAD", "LOADW", "LOADC", "STORE", "STOREW", "STOREC", "LOGIC64", "ADD64", "SUB64", "MUL64", "SHIFT64",
    "ROT64", "CMP64", "EQZ64", "EXTS64", "EXTU64", "FLOAT", "RARE",
)

# Arguments: instructions of the assembler (layout.A_*), comparisons, kinds of access (SUB_G_* - SUB_G_LOAD), routines (layout.R_*).
_ALU = {"ADD": 4, "SUB": 5, "AND": 6, "OR": 7, "XOR": 8, "MUL": 9, "SHL": 10, "SHR_S": 11, "SHR_U": 12}
_ALUI = {"ADD": 16, "AND": 18, "OR": 19, "XOR": 20, "MUL": 21, "SHL": 22, "SHR_S": 23, "SHR_U": 24, "ROTL": 25}
_KINDS = ("EQ", "NE", "LT_S", "GE_S", "LT_U", "GE_U")
_ACCESS = ("LOAD", "LOAD8_S", "LOAD8_U", "LOAD16_S", "LOAD16_U", "LOAD64", "STORE", "STORE8", "STORE16", "STORE64")
_WIDE = {"MOV64": 0b11111, "CONST64": 0b101, "CONST64_W": 0b101, "SELECT64": 0b11111101, "GLOBAL_GET64": 0b101, "GLOBAL_SET64": 0b110,
         "I64_EQZ": 0b11001, "I64_EXTEND_S": 0b1101, "I64_EXTEND_U": 0b1101, "RET2": 0b110, "I64_CMP": 0b1111001}
_SIMPLE = {"BR": "BR", "BR_TABLE": "TABLE", "RET": "RET", "RET1": "RET1", "RET2": "RET2", "RETN": "RETN", "CALL": "CALL", "CALL_REF": "REF",
           "MOV": "MOV", "MOV64": "MOV64", "CONST": "CONST", "CONST_W": "CONSTW", "CONST64": "CONST64", "CONST64_W": "CONST64W",
           "GET_W": "GETW", "SET_W": "SETW", "SELECT": "SEL", "SELECT64": "SEL64", "GLOBAL_GET": "GGET", "GLOBAL_GET64": "GGET64",
           "GLOBAL_SET": "GSET", "GLOBAL_SET64": "GSET64", "I64_ADD": "ADD64", "I64_SUB": "SUB64", "I64_MUL": "MUL64", "I64_EQZ": "EQZ64",
           "I64_EXTEND_S": "EXTS64", "I64_EXTEND_U": "EXTU64", "UNREACHABLE": "STOP", "TRAP_MEM": "STOP",
           "FP_ADD": "NEVER", "FP_SUB": "NEVER", "XRET": "NEVER", "EXIT": "NEVER", "NATIVE": "NEVER"}


def form(row: Op, member: int) -> tuple[str, int, int]:
    """(class, argument, slots): slots has two bits for what byte 1 is (0 nothing, 1 written, 2 read) and one more for a pair, then for
    bytes 2 and 3 whether they are read, and whether pairs, and the last bit for byte 4 (the condition of SELECT)."""
    name = row.name
    slots = 0
    letters = row.form.split("+")[0]
    for i, letter in enumerate(letters[:3]):
        if letter in "dab":
            slots |= (1 if letter == "d" else 2) if i == 0 else 8 if i == 1 else 32
    if name.startswith("I64_") and "dab" in row.form:
        slots = 0b1111101
    slots = _WIDE.get(name, slots)
    if name == "SELECT":
        slots |= 128
    base = name.removesuffix("_I").removesuffix("_W")
    if name in _SIMPLE:
        return _SIMPLE[name], 0, slots
    if name == "I32_SUB_I":
        return "SUBI", 0, slots
    if name.startswith("I32_") and base[4:] in _ALU | _ALUI and name[-2:] in ("_I", "_W"):
        return "BINI" if name.endswith("_I") else "BINW", _ALUI[base[4:]], slots
    if name.startswith("I32_") and name[4:] in _ALU:
        return "BIN", _ALU[name[4:]], slots
    if name == "I32_ROT":
        return "BIN", 13 + member, slots
    if name == "I32_DIV":
        return "DIV", member, slots
    if name == "FLOAT" and (member < 13 or 16 <= member < 28):
        return "FLOAT", 4 if member == 12 else member >> 4, 0
    if name == "RARE":  # 64-bit division and bit counting
        return "RARE", 3, 0
    if name in ("I32_EXTEND8_S", "I32_EXTEND16_S"):
        return "EXT", 26 if "8" in name else 27, slots
    if name.startswith("BR_") and name[3:] in _KINDS:
        return "BRR", _KINDS.index(name[3:]), slots
    if name.startswith("BR_") and name[3:-2] in _KINDS:
        return "BRI", _KINDS.index(name[3:-2]), slots
    if name in ("I32_CMP", "I32_CMP_I"):
        kind = (member & 1) + (0 if member & 6 == 0 else 2 if member & 2 else 4)
        return "CMP" if name == "I32_CMP" else "CMPI", kind, slots
    if name == "I64_CMP":
        return "CMP64", (member & 1) + (0 if member & 6 == 0 else 2 if member & 2 else 4), slots
    if name == "I64_LOGIC":
        return "LOGIC64", 8 if member & 2 else 7 if member & 1 else 6, slots
    if name == "I64_SHIFT":
        return "SHIFT64", 2 if member & 2 else member & 1, slots
    if name == "I64_ROT":
        return "ROT64", member & 1, slots
    if base.removesuffix("_C") in _ACCESS:
        kind = _ACCESS.index(base.removesuffix("_C"))
        letter = "C" if name.endswith("_C") else "W" if name.endswith("_W") else ""
        wide = kind in (5, 9)
        if kind < 6:
            slots = 1 | (4 if wide else 0) | (0 if letter == "C" else 8)
        else:
            slots = 2 if letter == "C" else 2 | 8 | (16 if wide else 0)
        return ("LOAD" if kind < 6 else "STORE") + letter, kind, slots
    return "HAND", 0, 0
