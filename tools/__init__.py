# Host tools of pitwasm: build, generate, run, measure (CPython 3.11 or later)
# MIT license; Copyright (c) 2026 the pitwasm authors
