# Layouts of everything in the pool: the one place where records, words and codes are described.
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# All values are offsets in bytes from the start of the record unless stated; every reference stored in the pool is an offset
# from the start of the pool, 0 = none. Cells are little-endian u32. tools/build.py folds these names into the other files,
# so this file never reaches a board.

# ---- pool header: the first HEADER bytes of the pool -------------------------------------------------------------------------
P_MAGIC = 0  # PIT1
P_SIZE = 4  # bytes in the pool (multiple of 8)
P_FREE = 8  # first free block (block offset), address order
P_USED = 12  # bytes in used blocks, block headers included
P_HIGH = 16  # high-water mark of P_USED
P_XRET = 20  # two code words: a call word with argument slot 0, then XRET (return into another instance)
P_EXIT = 28  # two code words: a call word with argument slot 0, then EXIT (return to the driver)
P_LAZY = 36  # function header whose slot count (0xffff) never fits: stands for a function not yet translated
P_ITAB = 44  # block: instance number -> instance record (u32 each); number 0 is the host
P_ITABN = 48  # cells in P_ITAB
P_TYPES = 52  # first interned function type
P_HTAB = 56  # block: host function number -> interned type (u32 each)
P_HTABN = 60  # cells in use in P_HTAB
P_MODULES = 64  # first module record
P_REGISTRY = 68  # first registry record
P_T = 72  # translator state, while a module is loading
P_FLAGS = 76  # PF_*
HEADER = 80
MAGIC = 0x31544950  # "PIT1"

SLICE = 20000  # backward branches and calls between two looks at Ctrl-C, callbacks and the watchdog: 20 to 60 ms on a Pico
PF_NATIVE = 128  # code words stand for native code (K_NATIVE)
PF_MEMORIES = 1  # modules may have several memories (multi-memory)

# ---- block: 8 bytes before each payload; block and payload are 8-byte aligned ------------------------------------------------
B_SIZE = 0  # bytes of the block, header included; bit 0 set = free
B_OWNER = 4  # used: kind | owner payload offset >> 3 << 8;  free: next free block (block offset)
BLOCK = 8

K_FREE = 0
K_MODULE = 1  # module record
K_TYPE = 2  # interned function types
K_IMPORTS = 3  # import list
K_EXPORTS = 4  # export list
K_FUNCS = 5  # type index of every function, entry of every defined function
K_DEFS = 6  # tables, memories, globals as declared
K_ELEM = 7  # element segments
K_DATA = 8  # data segments
K_CODE = 9  # code words
K_NAMES = 10  # name section
K_INSTANCE = 11  # instance record
K_MEMORY = 12  # linear memory bytes
K_TABLE = 13  # table elements
K_GLOBALS = 14  # global cells
K_LINKS = 15  # arrays of offsets: memories, tables, globals, imports
K_STACK = 16  # execution environment and its stack
K_REGISTRY = 17  # registered names
K_WORK = 18  # loader's window and workspace
K_HOST = 19  # host function types, instance numbers
K_NATIVE = 20  # machine code, and where it is entered

# ---- interned function type (one per distinct type in the store, compared by offset; WebAssembly 4.5.3) ----------------------
Y_NEXT = 0
Y_REFS = 4  # modules and host functions using it
Y_NP = 8  # u16 parameters
Y_NR = 10  # u16 results
Y_PSLOTS = 12  # u16 slots of the parameters
Y_RSLOTS = 14  # u16 slots of the results
Y_BYTES = 16  # value types: parameters, then results

# ---- module record -----------------------------------------------------------------------------------------------------------
M_NEXT = 0  # next module in P_MODULES
M_REFS = 4  # instances alive
M_NAME = 8  # block with its name (u16 length, bytes), 0 when it has none
M_FLAGS = 12  # MF_*
M_NTYPES = 16
M_TYPES = 20  # block: u32 interned type per type index
M_NFUNCS = 24  # functions, imported ones first
M_NIMPF = 28  # imported functions
M_FTYPES = 32  # block: u16 type index per function
M_ENTRIES = 36  # block: u32 code offset per defined function (at its header), or P_LAZY
M_NTABLES = 40
M_NIMPT = 44
M_TABLES = 48  # block: TD_* per table
M_NMEMS = 52
M_NIMPM = 56
M_MEMS = 60  # block: MD_* per memory
M_NGLOBALS = 64
M_NIMPG = 68
M_GLOBALS = 72  # block: GD_* per global
M_NIMPORTS = 76
M_IMPORTS = 80  # block: IM_* entries
M_NEXPORTS = 84
M_EXPORTS = 88  # block: EX_* entries
M_START = 92  # start function index + 1, 0 = none
M_NELEMS = 96
M_ELEMS = 100  # block: u32 element segment (ES_*) per index
M_NDATAS = 104
M_DATAS = 108  # block: u32 data segment (DS_*) per index
M_CODE = 112  # block: code words of all functions (eager loading)
M_NAMES = 116  # block: raw function-name subsection (names=True), 0 = none
M_CUT = 120  # bytes memory 0 really needs (__heap_base or __data_end) when it never grows, else 0xffffffff
M_SAFE = 124  # memory 0: an access whose offset + size is at most this was translated to the fast form
M_CODEBYTES = 128  # bytes of the code section, for statistics
M_CODEOFF = 132  # file offset of the code section's first body, for lazy translation
M_BODIES = 136  # block: u32 file offset per defined function (lazy), else 0
M_WORDS = 140  # bytes of code words, for statistics
M_NDATACOUNT = 144  # data count section's value + 1, 0 = no such section
M_DECLARED = 148  # block: bitmap of functions that ref.func may name (loading only)
M_SIZE = 152

MF_FLOAT = 1  # contains float words: needs single.py, double.py, convert.py
MF_GROWS = 2  # contains memory.grow
MF_LAZY = 4
MF_BULK = 16  # contains words for bulk.py
MF_WASI = 8  # imports from wasi_snapshot_preview1
MF_DEAD = 32  # unloaded, kept until the last of its instances goes
MF_CAPPED = 64  # its code was fitted to a memory of M_SAFE bytes (caps.py)
MF_AUTO = 128  # loaded for its importers: goes with the last of them
MF_MARK = 256  # while modules that nothing needs are looked for: needed
MF_SEEN = 512  # … and so is what it imports from

TD_TYPE = 0  # reference type byte
TD_MIN = 4
TD_MAX = 8  # 0xffffffff = none
TD_SIZE = 12

MD_FLAGS = 0  # limits flag byte of the binary: bit 0 has a maximum, bit 2 addresses are i64, bit 3 says how large its pages are
MD_MIN = 4  # pages
MD_MAX = 8  # pages; 0xffffffff = none
MD_PAGE = 12  # log2 of the page size: 16, or 0 (custom-page-sizes)
MD_SIZE = 16

GD_TYPE = 0  # u8 value type
GD_MUT = 1  # u8 1 = mutable
GD_INIT = 2  # u8 CE_* (defined globals)
GD_LO = 4  # constant, low word; or global index, or function index
GD_HI = 8
GD_SIZE = 12

CE_CONST = 0  # i32/i64/f32/f64.const; ref.null is the constant 0
CE_GLOBAL = 1  # global.get
CE_FUNC = 2  # ref.func

IM_KIND = 0  # u8 0 function 1 table 2 memory 3 global
IM_MLEN = 2  # u16 length of the module name
IM_FLEN = 4  # u16 length of the field name
IM_INDEX = 8  # u32 index in its index space (type of a function: M_FTYPES[index])
IM_NAME = 12  # module name, field name; the next entry is 4-byte aligned

EX_KIND = 0  # u8
EX_LEN = 2  # u16 length of the name
EX_INDEX = 4  # u32 index
EX_NAME = 8  # the next entry is 4-byte aligned

ES_MODE = 0  # u8 0 active 1 passive 2 declarative
ES_TYPE = 1  # u8 reference type
ES_TABLE = 4
ES_OKIND = 8  # CE_* of the offset
ES_OFFSET = 12
ES_COUNT = 16
ES_ITEMS = 20  # u32 each: 0 null, function index + 1, or 0x80000000 | global index

DS_MODE = 0  # u8 0 active 1 passive
DS_MEM = 4
DS_OKIND = 8
DS_OFFSET = 12
DS_LEN = 16
DS_BYTES = 20

# ---- registry record: a name other modules import from ------------------------------------------------------------------------
R_NEXT = 0
R_MODULE = 4  # module record, or 0
R_INSTANCE = 8  # instance record, or 0 (not yet instantiated)
R_LEN = 12
R_NAME = 16

# ---- instance record -----------------------------------------------------------------------------------------------------------
I_MODULE = 0
I_ID = 4  # instance number: index in P_ITAB (1 … 2047), never reused while a reference to it can exist
I_REFS = 8  # importers alive
I_FLAGS = 12  # IF_*
I_MEM0 = 16  # memory record of memory 0, 0 = none (the loop's copy of I_MEMS[0])
I_MEMS = 20  # block: memory record per memory index
I_TABLES = 24  # block: table record per table index
I_GLOBALS = 28  # block: offset of the global's cell per global index
I_IMPORTS = 32  # block: reference (see below) per imported function
I_ENTRIES = 36  # = M_ENTRIES
I_TYPES = 40  # = M_TYPES
I_FTYPES = 44  # = M_FTYPES
I_NIMPF = 48  # = M_NIMPF
I_DROPPED = 52  # block: a byte per element segment, then per data segment; 1 = dropped
I_ENV = 56  # execution environment (E_*), made at the first call from outside
I_STACK = 60  # bytes of stack it shall have
I_CELLS = 64  # block: this instance's own global cells
I_GEN = 68  # generation: handles carry it, so that a dead handle is noticed
I_SIZE = 72

IF_DEAD = 1  # deinstantiated, kept because something still refers to it
IF_STARTED = 2
IF_AUTO = 4  # instantiated for its importers: goes with the last of them
IF_MARK = 8  # while instances that nothing refers to are looked for: reached
IF_SEEN = 16  # … and what it refers to has been reached too

# Global cell: 8 bytes, low word first; i32, f32 and references use the low word.
CELL = 8

# Function reference (in tables, globals, slots): 0 null; instance number << 20 | function index;
# host function: number 0, so host function index + 1. External reference: 0 null, else host value number + 1.
REF_SHIFT = 20

# ---- memory record (block K_LINKS owned by the defining instance) ---------------------------------------------------------------
MM_DATA = 0  # block of the bytes, 0 when there are none
MM_BYTES = 4  # bytes that may be accessed
MM_PAGES = 8  # memory.size
MM_MAX = 12  # pages
MM_CAP = 16  # 0, or the cap in bytes that keeps MM_BYTES below MM_PAGES pages
MM_PAGE = 20  # log2 of the page size
MM_OWNER = 24  # instance record
MM_LIMIT = 28  # bytes it may ever take (memory_cap), 0xffffffff = no limit
MM_SIZE = 32

# ---- table record --------------------------------------------------------------------------------------------------------------
TT_DATA = 0  # block of u32 references
TT_COUNT = 4
TT_MAX = 8
TT_TYPE = 12
TT_OWNER = 16
TT_SIZE = 20

# ---- execution environment, followed by its stack: frames grow up, call records grow down -----------------------------------------
E_IP = 0  # next code word
E_FP = 4  # frame
E_CS = 8  # call records (top)
E_INST = 12  # instance that runs
E_FUEL = 16  # backward branches and calls left in this slice. Entering run() costs one: it pays for the call that starts a run, and
# for the branch or call that S_FUEL could not pay; after any other status the driver adds one before it enters again.
E_DETAIL = 20  # what a status is about: see S_*
E_LO = 24  # first stack byte
E_HI = 28  # end of the stack
E_BASE = 32  # call records of a nested run start below this
E_SELF = 36  # its own offset, for who is handed its address (single.py); set by run()
E_SIZE = 40
# Call record: u32 offset of the call word (any word with its argument slot in byte 1). Returning: ip = that word + 4,
# fp -= 4 * argument slot. A call into another instance pushes the caller's instance, then the call word, then P_XRET.

# ---- statuses of the loop (0 … 15 to the driver, TRAP_* become Trap) -------------------------------------------------------------
S_DONE = 0
S_FUEL = 1  # resume at E_IP
S_HOST = 2  # E_DETAIL = host function number; arguments at E_FP + 4 * byte 1 of the word at E_IP; go on at E_IP + 4
S_LAZY = 3  # function E_DETAIL of the running module is not translated: translate it, retry the call at E_IP
S_GROW = 4  # memory.grow  [RARE sub d a]: delta in slot a, result to slot d; go on at E_IP + 8
S_TGROW = 5  # table.grow  [RARE sub d a][value slot, table, 0, 0]; go on at E_IP + 8
S_LAZYREF = 6  # the same for the function of reference E_DETAIL (call through a table or of an import)
S_UNDO = 7  # native code could not do the word at E_IP, where it can be entered: put the word back (native.py), try again
TRAP_UNREACHABLE = 16
TRAP_MEMORY = 17  # E_DETAIL = address (low 32 bits)
TRAP_TABLE = 18
TRAP_DIVIDE = 19
TRAP_OVERFLOW = 20
TRAP_CONVERSION = 21
TRAP_UNDEFINED = 22  # undefined element
TRAP_UNINITIALIZED = 23  # uninitialized element
TRAP_INDIRECT = 24  # indirect call type mismatch
TRAP_STACK = 25  # call stack exhausted

# ---- function header (8 bytes before its first code word; entries point at it) ------------------------------------------------------
F_SLOTS = 0  # u16 slots of the frame
F_PARAMS = 2  # u16 slots of the parameters: locals to clear start here
F_CLEAR = 4  # u16 slots to clear
F_RESULTS = 6  # u16 slots of the results
FUNC = 8

# ---- translator state: K_WORK block named by P_T. The first 32 cells are one instruction away on a Cortex-M0+.
# ---------------------------------------------------------------------------------------
T_MOD = 0  # module record
T_FUNC = 4  # function index being translated
T_POS = 8  # next byte of the window (pool offset)
T_END = 12  # end of the bytes in the window (pool offset)
T_WINDOW = 16  # start of the window (pool offset)
T_BASE = 20  # file offset of the byte at T_WINDOW
T_BODY = 24  # file offset of the end of the function body
T_CODE = 28  # next code byte to emit (pool offset); on success left after the function
T_LIMIT = 32  # end of the workspace: the operand stack grows down from here
T_SP = 36  # operand stack top (pool offset)
T_CTL = 40  # innermost control record
T_NEXT = 44  # next free slot
T_MAX = 48  # most slots used
T_LOCALS = 52  # local records: u32 slot | type << 24, one per local
T_NLOCALS = 56
T_LAST = 60  # last word that may still be changed, 0 after a label
T_FLAGS = 64  # TF_*
T_START = 68  # header of the function being translated
T_OPCODE = 72  # file offset of the instruction at hand, for errors
T_SAFE = 76  # guaranteed bytes of memory 0
T_LIVE = 80  # 1 = code is emitted (the spot can be reached, and not only validating)
T_LASTD = 84  # destination slot of the word at T_LAST when its byte 1 may still be changed, else 0xffff
T_PKIND = 88  # comparison waiting for the branch behind it: kind, + 8 with a constant; 0xff = none
T_PA = 92  # its operand slots, or slot and constant
T_PB = 96
T_LO = 100  # a 64-bit constant just read
T_HI = 104
T_BOT = 108  # operand record that stands for what is popped off an unreachable block's empty stack (12 bytes)
T_WSIZE = 120  # bytes in the window block (slack excluded)
T_TYPES = 128  # seven type records for block types: empty, i32, i64, f32, f64, funcref, externref (24 bytes each)
T_SIZE = 296

# Operand record (12 bytes) and control record of the translator's stack, which grows down from T_LIMIT; a control record lies
# above the operands of its block (WebAssembly, appendix: validation algorithm).
O_TYPE = 0  # value type, 0 = unknown (unreachable code); + 0x100 = constant
O_AT = 4  # slot that holds it (its own, or a local's), or the constant (i64: sign-extended from 32 bits)
O_SLOT = 8  # its own slot
OPERAND = 12
C_PREV = 0
C_KIND = 4  # CK_*
C_TYPE = 8  # type record
C_NEXT = 12  # slot where its parameters and results start
C_TARGET = 16  # loop: code offset; else last branch waiting for the end, relative to T_START (0 = none)
C_ELSE = 20  # if: the branch to the else part, likewise
C_DEAD = 24  # 1 = the rest of the block cannot be reached: operands are polymorphic
C_LIVE = 28  # T_LIVE at its start
C_TRAMP = 32  # br_table: last entry that needs its values moved first, relative to T_START
CONTROL = 40
CK_FUNC = 0
CK_BLOCK = 1
CK_LOOP = 2
CK_IF = 3
CK_ELSE = 4
GAP = 248  # slots 248-255 hold no values: words reach slots above 255 through them
TF_CHECK = 1  # validate only, emit nothing
TF_FLOAT = 2  # set by the translator: float words were emitted
TF_BULK = 8  # set by the translator: words for bulk.py were emitted
TF_GROWS = 4  # set by the translator: memory.grow was seen
SLACK = 32  # zero bytes kept after the window, so that an instruction's immediates can be read before the end is checked
NEED = 24  # bytes an instruction needs in the window

# ---- value types (WebAssembly 5.3.1) -----------------------------------------------------------------------------------------------
V_I32 = 0x7F
V_I64 = 0x7E
V_F32 = 0x7D
V_F64 = 0x7C
V_FUNCREF = 0x70
V_EXTERNREF = 0x6F

# ---- prepared image: a header, the module record, the blocks it owns, blocks of its function types (image.py, docs/image.md) ---------
IH_MAGIC = 0  # source.MAGIC
IH_FORMAT = 4
IH_CODE = 8  # layout.IMAGE_CODE, which the build makes of code words and of the records here (tools/build.py)
IH_MACHINE = 12  # whose machine code it has: sys.implementation._mpy >> 10 & 15, 4 for all Cortex-M; 0 = none
IH_NATIVE = 16  # bytes of machine code and what goes with it, which come last
IH_SIZE = 20  # bytes behind the header: the record (its block header left out) and all blocks
IH_TYPES = 24  # bytes of the function types among them, which come last but for machine code
IH_WASM = 28  # bytes of the .wasm it was made of, 0 = not known
IH_SOURCE = 32  # SHA-256 of the .wasm
IH_DIGEST = 64  # SHA-256 of the 64 bytes before and of what is behind the header
IH_SUM = 96  # checksum of the 96 bytes before and of what is behind the header
IMAGE = 100
RECORD = (M_SIZE + 7) & -8  # bytes of the module record in an image

# At the end of an image's machine code, which is: code, its routines first; NF_*; NE_*; fixes (u16: tier.py); and this.
IN_CODE = 0  # bytes of code
IN_COUNT = 4  # NE_*
IN_WAY = 8  # the loop's way in, from the start of the code
IN_FIXES = 12
IN_USES = 16  # 1 << R_* of what it calls
IN_SIZE = 24

# What a cell of an image's machine code is relative to.
FX_WORDS = 1  # the module's code words (pool offset)
FX_ADDRESS = 2  # the running state (address)
FX_STATE = 3  # … (pool offset)
FX_PLACE = 4  # the start of this code (in the code space)
FX_BASE = 5  # how far the start of the code space is from there
FX_PAIR = 8  # with one of these: the cell is in lui and addi

# ---- the native tier (native.py, lower.py, one file for each machine) -------------------------------------------------------------------
# Record of a place where native code can be entered: its code word is [OP_NATIVE, place of the record >> 2 (24 bits)] meanwhile.
NE_WORD = 0  # code word it stands for
NE_AT = 4  # offset of the code word
NE_CODE = 8  # machine code, from the start of the code space
NE_LOADER = 12  # … of the function's loader of pinned slots, which goes on there
NE_CALL = 16  # … where calls enter (first word of a function only), else 0
NE_SIZE = 20
# Native block of a function (K_NATIVE, owned by the module): these cells, then records, then (boards) machine code.
NF_NEXT = 0  # next function's block
NF_COUNT = 4  # records
NF_CODE = 8  # machine code: its place in the code space
NF_BYTES = 12  # … its size
NF_MODULE = 16
NF_FUNC = 20  # its first code word
NF_SIZE = 24

# Running state, in cells: what native code and its stubs need at hand. 64-bit machines use two cells where an address is.
X_ENV = 0  # environment (address)
X_SP = 2  # machine stack when entered (address)
X_LIMIT = 4  # … and its limit for calls (address)
X_BASE = 6  # pool (address)
X_CS = 8  # call records (offset; boards: address)
X_GLOBALS = 9  # I_GLOBALS of the instance that runs (offset; boards: address)
X_CODE = 10  # the code space (boards: address)
X_BYTES = 11  # of memory 0 (x86)
X_FUEL = 12  # (x86)
X_INST = 13  # instance that runs (offset)
X_REF = 14  # for the stub that calls by reference: its word
X_FIRST = 15  # first function's block (NF_*), for who finds this pool later (pool offset)
X_FLOAT = 16  # environment for the routines of callfloat.py: E_IP, E_FP and E_SELF of it are used; between them
X_CONTEXT = 18  # … what their machine code takes besides (address)
X_ROUTINES = 26  # … their machine code, or (machines without tools/viperc) function objects (addresses), in the order of R_*
X_SIZE = 144  # bytes

# What machine code calls for words it does not do by itself (callfloat.py): X_ROUTINES, FORMS.
R_SINGLE = 0  # words as long as they follow each other
R_DOUBLE = 1
R_SHIFT = 2  # one word
R_INTEGER = 3  # … its result is in register 0: not 0 = it traps, and nothing has changed
R_CONVERT = 4  # … and then it has its operand back

# State of the lowering, in cells; byte arrays behind it. Places are offsets from the state.
N_SELF = 0  # pool offset of the state
N_FUNC = 1  # pool offset of the function's first word
N_WORDS = 2  # its words
N_AT = 3  # place of the next instruction
N_END = 4  # … which may not be beyond
N_CODE = 5  # place of the first one
N_HOME = 6  # where that will be in the code space
N_TOP = 7  # branches waiting for their target, 8 bytes each [place, word], from here up to the tables
N_PLACES = 8  # table, u32 per word: place of its code, 0 = not yet; before that, of a loop head: the last branch back
N_MARKS = 9  # table, u8 per word: MK_*
N_ERROR = 10  # NX_*: why the function cannot be lowered
N_IMM = 11  # arguments of the assembler: a constant
N_KIND = 12  # … comparison: eq ne lt_s ge_s lt_u ge_u
N_TARGET = 13  # … where to; 0 = not known yet
N_REACH = 14  # … how far that may be: 0 near, 1 usual, 2 far
N_ALSO = 15  # … one more operand
N_FIX = 16  # what the assembler gives back: a second branch to be fixed, or 0
N_LOCKED = 17  # registers in use by the word at hand (bits)
N_REGS = 18  # registers there are
N_PINS = 19  # of these, the last ones that slots may be pinned to
N_LOCALS = 20  # slots of parameters and locals
N_WORD = 21  # word at hand
N_PENDING = 22  # bytes of N_PEND in use
N_OLDEST = 23  # place of the first branch that waits there
N_STUBS = 24  # bytes its exits will take
N_DEFERRED = 25  # constants in N_DL
N_LITERALS = 26  # literals that wait in N_LIT
N_FIRST = 27  # place of the first use of one
N_ENTRIES = 28  # pool offset of the entries, by function index
N_FTYPES = 29  # … of the functions' type indices (M_FTYPES)
N_TYPES = 30  # … of the types (M_TYPES)
N_EXIT = 31  # places in the code space: the common exit,
N_FAIL = 32  # … a call that native code leaves to the loop (its word in register 0),
N_CALL = 33  # … a call by header,
N_REF = 34  # … a call by reference,
N_MUL = 35  # … high word of a product,
N_DIV = 36  # … division
N_LEAVE = 37  # this function's exit: place
N_LOADER = 38  # … its loader of pinned slots
N_ENTER = 39  # … where calls come in
N_STATE = 40  # running state (X_*): pool offset
N_FLAGS = 41  # NG_*: what the machine can do
N_FLOATS = 42  # … what calls the first of the routines R_* (place in the code space)
N_RANGE = 43  # bytes that an exit may lie behind its branch
N_SCRATCH = 44  # a register of the assembler's own, free between instructions
N_STAMP = 45  # last value used in N_SET
N_TICK = 46  # words done, for N_RT
N_REACHES = 47  # N_REACH of branches ahead
N_RF = 192  # from here byte arrays, offsets in bytes: state of each register: RF_*
N_RS = 208  # slot in each register
N_RT = 224  # when it was last used
N_PIN = 240  # slots pinned
N_SR = 256  # register of each slot; 0xff none, 0xfe a constant not in a register
N_EX = 512  # slot is kept in the frame: a local, or read somewhere before it is written
N_SET = 768  # slot was written since the last label (marks), is needed later (blocks)
N_DL = 1024  # deferred constants: slots (16)
N_CV = 1040  # u32 per slot: deferred constant
N_PEND = 2064  # exits waiting: u16 each
N_LIT = 2576  # literals waiting: [place, value] each
N_LAST = 2832  # last-use bits of the words of the stretch at hand: u8 per word (256)
N_STRETCH = 3088  # u16 per word: the words of the stretch
N_SIZE = 3600

RF_FREE = 0
RF_CLEAN = 1
RF_DIRTY = 2  # differs from the frame
RF_PINNED = 3

MK_LABEL = 1  # a branch comes here, or a stretch ends in front of it
MK_HEAD = 2  # … backward
MK_ENTRY = 4  # native code can be entered here
MK_WORD = 8  # a word starts here
MK_FLOAT = 32  # a routine does it: operands are read from the frame, and the result goes there
MK_HAND = 16  # the loop does this one, or it is a call: everything is in the frame

NX_ROOM = 1  # no room in the workspace
NX_FAR = 2  # a branch does not reach: try again with a greater N_REACH
NX_NEVER = 3  # has what cannot be lowered

NG_DIVIDES = 1  # A_DIV …
NG_UNALIGNED = 2  # memory may be accessed at any address
NG_CARRY = 4
NG_CALLS = 8  # A_FLOAT
NG_HAS = 256  # << R_*: the routine is there
NG_USES = 8192  # << R_*: it is called

# Instructions of the assembler: asm(state, A_…, d, a, b). Registers are 0 … N_REGS - 1.
A_LDS = 0  # d = slot a
A_STS = 1  # slot a = d
A_MOV = 2
A_IMM = 3  # d = N_IMM
A_ADD = 4  # d = a op b, to A_ROTR
A_SUB = 5
A_AND = 6
A_OR = 7
A_XOR = 8
A_MUL = 9
A_SHL = 10
A_SHRS = 11
A_SHRU = 12
A_ROTL = 13
A_ROTR = 14
A_ADDI = 16  # d = a op N_IMM, to A_ROTLI
A_ANDI = 18
A_ORI = 19
A_XORI = 20
A_MULI = 21
A_SHLI = 22
A_SHRSI = 23
A_SHRUI = 24
A_ROTLI = 25
A_EXT8 = 26
A_EXT16 = 27
A_MULH = 28  # d = high word of the unsigned product
A_DIV = 29  # + 0 … 3: signed, unsigned quotient, signed, unsigned remainder; b is not 0, nor -1 when signed
A_SET = 33  # d = 1 if a N_KIND b, else 0
A_SETI = 34  # d = 1 if a N_KIND N_IMM, else 0
A_SEL = 35  # d = a if N_ALSO else b
A_BRR = 36  # branch if a N_KIND b; to N_TARGET, or its place
A_BRI = 37  # branch if a N_KIND N_IMM
A_JUMP = 38  # branch
A_FUEL = 39  # a unit of fuel; branch if there was none: its place
A_BACK = 40  # a unit of fuel; branch to N_TARGET if there was one
A_CHECK = 41  # address a, offset N_IMM, b bytes: branches if it may not be accessed: their places
A_CHECKC = 42  # constant address N_IMM, b bytes
A_LOAD = 43  # d = memory[a + N_IMM], b: SUB_G_* - SUB_G_LOAD; behind A_CHECK
A_STORE = 44  # memory[a + N_IMM] = d
A_LOADC = 45  # constant address N_IMM
A_STOREC = 46
A_GGET = 47  # d = global N_IMM, word a
A_GSET = 48
A_CALL = 49  # argument slot a, call word at N_IMM: to N_TARGET, or (0) the function with header N_ALSO
A_REF = 50  # the same through a table or import, second word at N_IMM
A_RET = 51
A_ENTER = 52  # start of a function: room for N_IMM bytes of frame, then a … b slots cleared, fuel
A_EXIT = 53  # leave at word a; b = 1: out of fuel
A_LEAVE = 54  # end of this function's exit, behind the stores of pinned slots
A_LOADED = 55  # end of this function's loader
A_FIX = 56  # the branch at N_IMM goes to N_TARGET; 1 when it does not reach
A_TABLE = 57  # jump to the a-th (register) of the jumps that follow, each made by A_ENTRY
A_ENTRY = 58
A_FLUSH = 59  # literals here, behind a jump
A_ADDC = 60  # d = a + b, carry kept
A_ADC = 61
A_SUBC = 62
A_SBC = 63
A_PEEK = 65  # for stubs: d = b bytes of the pool at a + N_IMM
A_POKE = 66  # … the cell of the running state at pool offset N_IMM = d
A_FRAME = 67  # … d = the slot whose number is in a
A_UP = 68  # … the frame moves up by as many slots as a says
A_TAIL = 69  # … go to N_CALL with the header in a and the call word in register 0
A_OUT = 70  # … leave at the word in register 0
A_FLOAT = 71  # the words from pool offset N_IMM on, b bytes, by the routine a: R_*
A_SET64 = 64  # d = 1 if the pair a (low word in the low byte) N_KIND the pair b, else 0
