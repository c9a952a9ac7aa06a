# An ESP32-C3 with pitwasm: MicroPython's own board, a manifest, a partition table. Used as BOARD_DIR=…/pitwasm/boards/ESP32_GENERIC_C3
# MIT license; Copyright (c) 2026 the pitwasm authors

include(${CMAKE_CURRENT_LIST_DIR}/../esp32.cmake)
