# BOARD_VARIANT=SPIRAM_OCT: as MicroPython has it
# MIT license; Copyright (c) 2026 the pitwasm authors

include(${CMAKE_SOURCE_DIR}/boards/ESP32_GENERIC_S3/mpconfigvariant_SPIRAM_OCT.cmake)
