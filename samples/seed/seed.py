# The seed's example on the device side: mC and the two modules it depends on, in one static buffer; started by tools/run.py
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# Arguments: the main module, the directory in flash that has mB, the line at whose other end the host has mA, bytes of pool.

import sys

from pitwasm import Runtime
from pitwasm.chain import Chain
from pitwasm.flash import FlashReader
from pitwasm.poolmap import lines
from pitwasm.uart import UartReader

path, directory, line, size = sys.argv[1:]


def registered():
    for name in ("mA", "mB", "mC"):
        module = rt.find_module_registered(name)
        print("find_module_registered('%s') = %s" % (name, module and "module " + module.name))


# The one buffer: everything the runtime has lies in it.
memory = bytearray(int(size))
rt = Runtime(memory)
before = list(lines(rt.pool))
free = rt.pool.free_bytes

with open(line, "r+b") as stream:
    readers = Chain(FlashReader(directory), UartReader(stream))

    def read(name):
        """The module reader."""
        source = readers(name)
        print("reader('%s') = %s" % (name, type(source).__name__))
        return source

    def destroy(name, source):
        """The module destroyer."""
        readers.destroy(name, source)
        print("destroyer('%s', %s)" % (name, type(source).__name__))

    rt.set_module_reader(read, destroy)
    registered()
    with open(path, "rb") as file:
        module = rt.load(file, "mC")

registered()
rt.register_module("mC", module)
registered()
instance = rt.instantiate(module)
during = list(lines(rt.pool))

for name in ("$mA$A1", "$mB$B1", "$mB$B2", "C1", "C2", "C3", "C4"):
    function = rt.lookup_function(instance, name, "()i")
    print("%s() = %d" % (name.split("$")[-1], rt.call(function)))
print("$mB$B2 -> %d" % rt.application_execute_func(instance, "$mB$B2"))
print("main: exit status %d" % rt.application_execute_main(instance, ["mC"]))

rt.deinstantiate(instance)
rt.unload(module)
registered()
for title, text in (("before loading", before), ("while instantiated", during), ("after unloading", list(lines(rt.pool)))):
    print("\nThe pool " + title)
    for line in text:
        print(line)
print("\n%d bytes free before, %d after unloading" % (free, rt.pool.free_bytes))
sys.exit(rt.pool.free_bytes != free)
