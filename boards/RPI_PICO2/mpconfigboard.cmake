# Raspberry Pi Pico 2 with pitwasm: MicroPython's own board and a manifest. Used as BOARD_DIR=…/pitwasm/boards/RPI_PICO2
# MIT license; Copyright (c) 2026 the pitwasm authors

include(${MICROPY_PORT_DIR}/boards/RPI_PICO2/mpconfigboard.cmake)
set(MICROPY_BOARD_PINS ${MICROPY_PORT_DIR}/boards/RPI_PICO2/pins.csv)
set(MICROPY_FROZEN_MANIFEST ${MICROPY_BOARD_DIR}/manifest.py)
