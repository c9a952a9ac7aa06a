# What the translator's rejections mean; loaded when there is one
# MIT license; Copyright (c) 2026 the pitwasm authors

# code of Reject -> malformed?, text
MESSAGES = {
    2: (True, "integer representation too long"), 3: (True, "integer too large"), 4: (False, "type mismatch"),
    5: (False, "too many operands or locals (65,000 slots at most)"), 6: (False, "unknown label"), 7: (True, "unexpected end"),
    8: (True, "illegal opcode"), 9: (True, "malformed value type"), 10: (True, "too many locals"), 11: (True, "section size mismatch"),
    12: (False, "unknown local"), 13: (False, "unknown global"), 14: (False, "global is immutable"), 15: (False, "unknown function"),
    16: (False, "unknown type"), 17: (False, "unknown table"), 18: (False, "unknown memory"),
    19: (False, "alignment must not be larger than natural"), 20: (True, "malformed memop flags"),
    21: (False, "undeclared function reference"),
    22: (False, "unknown data segment"), 23: (False, "unknown elem segment"), 24: (True, "data count section required"),
    25: (False, "invalid result arity"), 26: (True, "malformed reference type"), 27: (True, "zero byte expected"),
    28: (True, "END opcode expected"), 29: (False, "memories with 64-bit addresses are not supported"),
}
