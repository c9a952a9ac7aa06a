# ESP32 boards with pitwasm: MicroPython's own board of the same name, a manifest, and a partition table with more room for the firmware
# MIT license; Copyright (c) 2026 the pitwasm authors

# Run in ports/esp32/CMakeLists.txt, before the IDF's own files. MICROPY_BOARD_DIR is one of the folders next to this file.
get_filename_component(PITWASM_BOARD ${MICROPY_BOARD_DIR} NAME)
include(${CMAKE_SOURCE_DIR}/boards/${PITWASM_BOARD}/mpconfigboard.cmake)
set(MICROPY_FROZEN_MANIFEST ${MICROPY_BOARD_DIR}/manifest.py)

# Later settings replace earlier ones. The name of a table in this folder has to be absolute.
set(PITWASM_SDKCONFIG ${CMAKE_BINARY_DIR}/sdkconfig.pitwasm)
file(WRITE ${PITWASM_SDKCONFIG} "CONFIG_PARTITION_TABLE_CUSTOM_FILENAME=\"${CMAKE_CURRENT_LIST_DIR}/partitions-4MiB.csv\"\n")
list(APPEND SDKCONFIG_DEFAULTS ${PITWASM_SDKCONFIG})
