// What a pitwasm host can give to guests written in AssemblyScript: pins, buses, time, a log (docs/peripherals.md)
// MIT license; Copyright (c) 2026 the pitwasm authors
//
// Nothing of this works unless the host granted it: importing from a peripheral that was not granted fails when the module is
// loaded, opening a pin or device that was not granted traps. Functions that can fail outside return a negative errno.
//
// Nothing here allocates, so that a guest need not have a heap: buffers are addresses, best from memory.data(bytes), read with
// load<u8>(address). Compile with --runtime stub --use abort= and write
//   const end: usize = 512; export { end as __heap_base }; // bytes of memory this guest uses
// Then a guest that says `new` nowhere gets by with that, instead of a page of 64 KB.

/** Digital pins. The host decides which are inputs; to write an input traps. */
export namespace gpio {
  // @ts-ignore: decorator
  @external("pit_gpio", "open")
  export declare function open(pin: i32): i32;
  // @ts-ignore: decorator
  @external("pit_gpio", "close")
  export declare function close(handle: i32): void;
  /** 0 or 1. */
  // @ts-ignore: decorator
  @external("pit_gpio", "read")
  export declare function read(handle: i32): i32;
  // @ts-ignore: decorator
  @external("pit_gpio", "write")
  export declare function write(handle: i32, level: i32): void;
  // @ts-ignore: decorator
  @external("pit_gpio", "toggle")
  export declare function toggle(handle: i32): void;
}

/** Analogue inputs. */
export namespace adc {
  // @ts-ignore: decorator
  @external("pit_adc", "open")
  export declare function open(input: i32): i32;
  // @ts-ignore: decorator
  @external("pit_adc", "close")
  export declare function close(handle: i32): void;
  /** 0 … 65535. */
  // @ts-ignore: decorator
  @external("pit_adc", "read")
  export declare function read(handle: i32): i32;
}

/** Pulses; close() ends them. */
export namespace pwm {
  // @ts-ignore: decorator
  @external("pit_pwm", "open")
  export declare function open(output: i32): i32;
  // @ts-ignore: decorator
  @external("pit_pwm", "close")
  export declare function close(handle: i32): void;
  /** 0 or a negative errno. */
  // @ts-ignore: decorator
  @external("pit_pwm", "freq")
  export declare function freq(handle: i32, hertz: i32): i32;
  /** 0 … 65535. */
  // @ts-ignore: decorator
  @external("pit_pwm", "duty")
  export declare function duty(handle: i32, width: i32): void;
}

/** Devices on I2C buses: a handle is the device at an address. */
export namespace i2c {
  // @ts-ignore: decorator
  @external("pit_i2c", "open")
  export declare function open(bus: i32, address: i32): i32;
  // @ts-ignore: decorator
  @external("pit_i2c", "close")
  export declare function close(handle: i32): void;
  /** 0 or a negative errno. */
  // @ts-ignore: decorator
  @external("pit_i2c", "write")
  export declare function write(handle: i32, data: usize, n: i32): i32;
  // @ts-ignore: decorator
  @external("pit_i2c", "read")
  export declare function read(handle: i32, data: usize, n: i32): i32;
  /** The usual way to read a register: write, then read without a stop between the two. */
  // @ts-ignore: decorator
  @external("pit_i2c", "write_read")
  export declare function writeRead(handle: i32, command: usize, n: i32, data: usize, m: i32): i32;
}

/** SPI buses with a chip select, which is low during each of these. */
export namespace spi {
  // @ts-ignore: decorator
  @external("pit_spi", "open")
  export declare function open(bus: i32): i32;
  // @ts-ignore: decorator
  @external("pit_spi", "close")
  export declare function close(handle: i32): void;
  /** 0 or a negative errno. */
  // @ts-ignore: decorator
  @external("pit_spi", "write")
  export declare function write(handle: i32, data: usize, n: i32): i32;
  // @ts-ignore: decorator
  @external("pit_spi", "read")
  export declare function read(handle: i32, data: usize, n: i32): i32;
  // @ts-ignore: decorator
  @external("pit_spi", "write_read")
  export declare function writeRead(handle: i32, command: usize, n: i32, data: usize, m: i32): i32;
  /** Both at once; n == m. */
  // @ts-ignore: decorator
  @external("pit_spi", "transfer")
  export declare function transfer(handle: i32, out: usize, n: i32, data: usize, m: i32): i32;
}

/** Serial ports. */
export namespace uart {
  // @ts-ignore: decorator
  @external("pit_uart", "open")
  export declare function open(port: i32): i32;
  // @ts-ignore: decorator
  @external("pit_uart", "close")
  export declare function close(handle: i32): void;
  /** Bytes that can be read at once. */
  // @ts-ignore: decorator
  @external("pit_uart", "any")
  export declare function any(handle: i32): i32;
  /** Bytes written, or a negative errno. */
  // @ts-ignore: decorator
  @external("pit_uart", "write")
  export declare function write(handle: i32, data: usize, n: i32): i32;
  /** Bytes read, 0 when there are none, or a negative errno. */
  // @ts-ignore: decorator
  @external("pit_uart", "read")
  export declare function read(handle: i32, data: usize, n: i32): i32;
}

/** Clocks of 30 bits, which wrap around (compare them with diff() only), and sleeping. */
export namespace time {
  // @ts-ignore: decorator
  @external("pit_time", "ticks_ms")
  export declare function ticksMs(): i32;
  // @ts-ignore: decorator
  @external("pit_time", "ticks_us")
  export declare function ticksUs(): i32;
  // @ts-ignore: decorator
  @external("pit_time", "sleep_ms")
  export declare function sleepMs(n: i32): void;
  // @ts-ignore: decorator
  @external("pit_time", "sleep_us")
  export declare function sleepUs(n: i32): void;
  /** Seconds since 1970, as far as the board knows. */
  // @ts-ignore: decorator
  @external("pit_time", "unix")
  export declare function unix(): i64;
  export function diff(later: i32, earlier: i32): i32 {
    return ((later - earlier) << 2) >> 2;
  }
}

// @ts-ignore: decorator
@external("pit_log", "text")
declare function logText(text: usize, n: i32): void;
// @ts-ignore: decorator
@external("pit_log", "value")
declare function logValue(name: usize, n: i32, value: i32): void;

/** Lines for people, of at most 80 characters; strings are UTF-16 here, and what is not ASCII is shown as "?". */
export namespace log {
  const LINE = memory.data(80);

  function ascii(text: string): i32 {
    const n = min(text.length, 80);
    for (let i = 0; i < n; i++) {
      const c = load<u16>(changetype<usize>(text) + (i << 1));
      store<u8>(LINE + i, c < 128 ? c : 0x3f);
    }
    return n;
  }

  export function text(text: string): void {
    logText(LINE, ascii(text));
  }

  /** "name = value" */
  export function value(name: string, value: i32): void {
    logValue(LINE, ascii(name), value);
  }
}
