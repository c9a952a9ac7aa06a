# python -m tools.cli: the command line from a checkout, without installing anything
# MIT license; Copyright (c) 2026 the pitwasm authors

import sys

from . import main

sys.exit(main())
