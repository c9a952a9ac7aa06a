# Native tier: RV32IMC, what the builder folds into the assembler's files
# MIT license; Copyright (c) 2026 the pitwasm authors
from micropython import const

# Instructions without their operands; 0x80 and 0x100 stand for bits 30 and 25, which would make objects of the numbers.
ADDI = const(0x13)
SLLI = const(0x1013)
SLTI = const(0x2013)
SLTIU = const(0x3013)
XORI = const(0x4013)
SRLI = const(0x5013)
SRAI = const(0x5093)
ANDI = const(0x7013)
ADD = const(0x33)
SUB = const(0xB3)
SLL = const(0x1033)
SLT = const(0x2033)
SLTU = const(0x3033)
XOR = const(0x4033)
SRL = const(0x5033)
OR = const(0x6033)
AND = const(0x7033)
MUL = const(0x133)
LW = const(0x2003)
LBU = const(0x4003)
LHU = const(0x5003)
SW = const(0x2023)
JALR = const(0x67)
