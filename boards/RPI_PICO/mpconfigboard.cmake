# Raspberry Pi Pico with pitwasm: MicroPython's own board and a manifest. Used as BOARD_DIR=…/pitwasm/boards/RPI_PICO
# MIT license; Copyright (c) 2026 the pitwasm authors

include(${MICROPY_PORT_DIR}/boards/RPI_PICO/mpconfigboard.cmake)
set(MICROPY_BOARD_PINS ${MICROPY_PORT_DIR}/boards/RPI_PICO/pins.csv)
set(MICROPY_FROZEN_MANIFEST ${MICROPY_BOARD_DIR}/manifest.py)
