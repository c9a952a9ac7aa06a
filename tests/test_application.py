# Running programs with arguments as text: application_execute_main, application_execute_func
# MIT license; Copyright (c) 2026 the pitwasm authors

from tests.library import answer


def test_application(run) -> None:
    """application_execute_main and application_execute_func: as WAMR's command line does it."""
    out = run(
        """
        i = new("m")
        for name, argv in (("add", ["0x10", "-1"]), ("add", ["4294967295", "2:i32"]), ("long", ["-9223372036854775808"]),
                           ("single", ["0.5"]), ("double", ["-1e300"]), ("ref", ["null"]), ("two", []), ("none", [])):
            print(name, rt.application_execute_func(i, name, argv))
        for name, argv in (("add", []), ("add", ["1", "x"]), ("add", ["1", "2:i64"]), ("add", ["0x1ffffffff", "1"]), ("nope", []),
                           ("$m$add", ["1", "2"]), ("boom", [])):
            print(error(rt.application_execute_func, i, name, argv))
        print(rt.get_exception(), rt.get_exception(i))
        for name in ("start", "main0", "main2", "plain", "wrong", "trap", "nomalloc"):
            i = new(name)
            print(name, error(rt.application_execute_main, i, ["prog", "héllo"]), error(rt.application_execute_main, i))
        """,
        m="""(func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
             (func (export "long") (param i64) (result i64) (i64.add (local.get 0) (i64.const 1)))
             (func (export "single") (param f32) (result f32) (local.get 0)) (func (export "double") (param f64) (result f64) (local.get 0))
             (func (export "ref") (param externref) (result externref) (local.get 0))
             (func (export "two") (result i32 i64) (i32.const -1) (i64.const -2)) (func (export "none"))
             (func (export "boom") unreachable)""",
        start='(func (export "_start"))' + answer("main", 9),
        main0=answer("main", 7),
        main2="""(memory (export "memory") 1)
          (func (export "malloc") (param i32) (result i32) (i32.const 64))
          (func (export "main") (param i32 i32) (result i32) (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
            (i32.add (i32.mul (local.get 0) (i32.const 1000)) (i32.load8_u offset=2 (i32.load offset=4 (local.get 1)))))""",
        plain="",
        wrong='(func (export "main") (param i64))',
        trap='(func (export "_start") unreachable)',
        nomalloc='(memory (export "memory") 1) (func (export "main") (param i32 i32) (result i32) (i32.const 3))',
    )
    count = "PitwasmError: m: invalid input argument count: 0 for 2 parameters of 'add'"
    entry = "PitwasmError: plain: lookup the entry point symbol (like _start, main, _main, __main_argc_argv) failed"
    wrong = "PitwasmError: wrong: invalid function type of main function"
    assert out == [
        *("add 15", "add 1", "long -9223372036854775807", "single 0.5", "double -1e+300", "ref None", "two (-1, -2)", "none None"),
        count,
        "PitwasmError: m: invalid input: argument 'x' is no i32",
        "PitwasmError: m: invalid input: argument '2:i64' is for a parameter of type i32",
        "PitwasmError: m: invalid input: argument '0x1ffffffff' is no i32",
        "PitwasmError: m: there is no function 'nope'",
        "PitwasmError: no module 'm' is registered",
        "Trap: m: unreachable",
        "Exception: unreachable Exception: unreachable",
        "start 0 0",
        "main0 7 7",
        f"main2 {2000 + 0xA9} 0",
        f"plain {entry} {entry}",
        f"wrong {wrong} {wrong}",
        "trap Trap: trap: unreachable Trap: trap: unreachable",
        "nomalloc PitwasmError: nomalloc: main's arguments need a memory, and an exported malloc 3",
    ]
