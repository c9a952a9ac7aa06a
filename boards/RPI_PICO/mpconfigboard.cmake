# Raspberry Pi Pico with pitwasm: MicroPython's own board and a manifest. Used as BOARD_DIR=…/pitwasm/boards/RPI_PICO
# MIT license; Copyright (c) 2026 the pitwasm authors

include(${MICROPY_PORT_DIR}/boards/RPI_PICO/mpconfigboard.cmake)
set(MICROPY_BOARD_PINS ${MICROPY_PORT_DIR}/boards/RPI_PICO/pins.csv)
set(MICROPY_FROZEN_MANIFEST ${MICROPY_BOARD_DIR}/manifest.py)

# MicroPython's mpy-tool.py (1.26) aligns frozen Thumb code to 2 bytes, but the code that mpy-cross makes for armv6m loads constants
# relative to the program counter, which only works where its start is a multiple of 4. Raises that attribute in the frozen content.
set_source_files_properties(${CMAKE_BINARY_DIR}/frozen_content.c PROPERTIES COMPILE_FLAGS "\"-Daligned(n)=__aligned__((n) < 4 ? 4 : (n))\"")
