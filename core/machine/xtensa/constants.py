# Native tier: Xtensa, what the builder folds into the assembler's files
# MIT license; Copyright (c) 2026 the pitwasm authors
from micropython import const

# Bytes from the stack pointer: return addresses below, cells, then what the windowed ABI wants.
AT_ENV = const(768)
AT_CS = const(772)
AT_BASE = const(776)
AT_GLOBALS = const(780)
AT_CALL = const(784)  # address of CALL, from which the other routines are reached
AT_CODE = const(788)
AT_RA = const(792)
FRAME = const(832)

# Loads and stores.
L8UI = const(0)
L16UI = const(1)
L32I = const(2)
S32I = const(6)
