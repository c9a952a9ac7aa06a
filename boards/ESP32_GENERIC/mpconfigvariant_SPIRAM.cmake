# BOARD_VARIANT=SPIRAM: as MicroPython has it
# MIT license; Copyright (c) 2026 the pitwasm authors

include(${CMAKE_SOURCE_DIR}/boards/ESP32_GENERIC/mpconfigvariant_SPIRAM.cmake)
