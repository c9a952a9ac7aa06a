# Makes the WASI calls that JSON on standard input asks for, and prints what each returns as a line of JSON
# MIT license; Copyright (c) 2026 the pitwasm authors

import io
import json
import os
import sys

import pitwasm


class RamDisk:
    """A block device, for the filesystems that boards have."""

    def __init__(self, blocks):
        self.data = bytearray(blocks * 512)

    def readblocks(self, n, buf, offset=0):
        at = n * 512 + offset
        buf[:] = self.data[at : at + len(buf)]

    def writeblocks(self, n, buf, offset=0):
        at = n * 512 + offset
        self.data[at : at + len(buf)] = buf

    def ioctl(self, op, arg):
        return len(self.data) // 512 if op == 4 else 512 if op == 5 else 0


def mount(kind):
    import vfs

    disk = RamDisk(256)
    filesystem = {"lfs2": vfs.VfsLfs2, "fat": vfs.VfsFat}[kind]
    filesystem.mkfs(disk)
    vfs.mount(filesystem(disk), "/disk")


def main():
    setup = json.loads(sys.stdin.readline())
    if setup["disk"]:
        mount(setup["disk"])
        os.mkdir("/disk/box")
    rt = pitwasm.Runtime(400_000)
    before = rt.pool.used
    with open(setup["module"], "rb") as file:
        module = rt.load(file, "calls")
    out = io.BytesIO()
    err = io.BytesIO()
    rt.set_wasi_args(
        module,
        argv=setup["argv"],
        env=setup["env"],
        preopens={"/box": "/disk/box" if setup["disk"] else setup["box"]},
        stdin=io.BytesIO(setup["stdin"].encode()),
        stdout=out,
        stderr=err,
    )
    inst = rt.instantiate(module)
    memory = inst.memory
    results = []
    for step in setup["steps"]:
        name = step[0]
        try:
            if name == "poke":
                data = bytes(step[2])
                memory[step[1] : step[1] + len(data)] = data
                result = 0
            elif name == "peek":
                result = list(memory[step[1] : step[1] + step[2]])
            else:
                result = inst.exports[name](*step[1:])
        except pitwasm.Exit as exc:
            result = "exit %d" % exc.status
            assert rt.get_exception() is None
        except pitwasm.Trap as exc:
            result = "trap" if exc.text.startswith("out of bounds memory access") else exc.text
        results.append(result)
        if setup["trace"]:
            print(step, result, file=sys.stderr)
    print(json.dumps([results, list(out.getvalue()), list(err.getvalue())]))
    context = rt._hosts[0][0].wasi
    rt.deinstantiate(inst)
    rt.unload(module)
    assert rt.pool.used == before
    assert not context.fds  # all closed


if __name__ == "__main__":
    main()
