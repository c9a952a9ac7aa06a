// rp2040js (npm), patched as it is loaded, and the emulated Pico: boot ROM, flash image, USB serial
// MIT license; Copyright (c) 2026 the pitwasm authors

import fs from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const Module = require('node:module');

// rp2040js 1.4.1 gets the V flag of ADCS and SBCS wrong when Rm plus carry (or borrow) crosses 0x80000000: 64-bit signed
// comparisons then go wrong.
const PATCHES = [
  ['this.registers[Rdn] = this.addUpdateFlags(this.registers[Rm], this.registers[Rdn] + (this.C ? 1 : 0));',
    'const sum = (this.registers[Rdn] | 0) + (this.registers[Rm] | 0) + (this.C ? 1 : 0);', 'sum'],
  ['this.registers[Rdn] = this.substractUpdateFlags(this.registers[Rdn], this.registers[Rm] + (1 - (this.C ? 1 : 0)));',
    'const sum = (this.registers[Rdn] | 0) - (this.registers[Rm] | 0) - (this.C ? 0 : 1);', 'sum'],
];

/** rp2040js from the node_modules folder given, mended. */
export function load(folder) {
  const plain = Module._extensions['.js'];
  let applied = 0;
  Module._extensions['.js'] = (module, file) => {
    if (!file.endsWith('cortex-m0-core.js')) return plain(module, file);
    let text = fs.readFileSync(file, 'utf8');
    for (const [line, before, sum] of PATCHES) {
      if (!text.includes(line)) continue;
      text = text.replace(line, `${before} ${line} this.V = ${sum} !== (${sum} | 0);`);
      applied++;
    }
    module._compile(text, file);
  };
  const library = require(folder + '/rp2040js');
  Module._extensions['.js'] = plain;
  if (applied !== PATCHES.length) throw new Error(`rp2040js differs from 1.4.1: ${applied} of ${PATCHES.length} patches fit`);
  return library;
}

const FLASH = 2 * 1024 * 1024; // of a Pico

/** One power-on of the board. onSerial(Uint8Array): from the board; stop(why): it cannot go on; reset(): machine.reset(). */
export function boot(library, { bootrom, flash, onSerial, stop, reset }) {
  const mcu = new library.RP2040();
  mcu.logger = new library.ConsoleLogger(library.LogLevel.Error, false);
  const words = new Uint32Array(4096);
  for (let i = 0; i < bootrom.length >> 2; i++) words[i] = bootrom.readUInt32LE(i * 4);
  mcu.loadBootrom(words); // resets: stack pointer and program counter come from words 0 and 1
  mcu.flash.set(flash.subarray(0, FLASH), 0);
  // rp2040js has no second core. At a soft reset the SDK asks for its sign of life through the mailbox: ready, with a 0 in it.
  const readSIO = mcu.sio.readUint32.bind(mcu.sio);
  mcu.sio.readUint32 = (offset) => (offset === 0x50 ? 3 : offset === 0x58 ? 0 : readSIO(offset));
  const REASONS = { 0xfc: 'machine.bootloader()', 0xfd: 'a boot-ROM function that the stub lacks', 0xfe: 'HardFault', 0: 'HardFault' };
  mcu.onBreak = (code) => {
    const { PC, LR } = mcu.core;
    stop(`${REASONS[code] ?? `bkpt ${code}`}, pc=0x${PC.toString(16)} lr=0x${LR.toString(16)}`);
  };
  mcu.peripherals[0x40058].onWatchdogTrigger = reset;

  // rp2040js answers the board's poll for input after 10 us, with nothing if there is nothing: a storm of interrupts that
  // slows the guest four times. A USB host stays silent until it has data: so does this.
  const cdc = new library.USBCDC(mcu.usbCtrl);
  let wanted = 0;
  let input = Buffer.alloc(0);
  const feed = () => {
    if (!wanted || !input.length) return;
    const packet = Uint8Array.from(input.subarray(0, wanted));
    input = input.subarray(packet.length);
    wanted = 0;
    mcu.usbCtrl.endpointReadDone(cdc.outEndpoint, packet);
  };
  cdc.onSerialData = onSerial;
  mcu.usbCtrl.onEndpointRead = (endpoint, size) => {
    if (endpoint !== cdc.outEndpoint) return;
    wanted = size;
    feed();
  };
  return {
    mcu,
    feed,
    send: (data) => { input = Buffer.concat([input, data]); },
    pending: () => input.length,
    flash: () => Buffer.from(mcu.flash.subarray(0, FLASH)),
  };
}

/** Run about so many steps. Returns [instructions executed, nanoseconds slept]. */
export function run(board, steps, stopped) {
  const { mcu, feed } = board;
  const { core, clock } = mcu;
  let cycle = 1e9 / mcu.clkSys;
  let instructions = 0;
  let slept = 0;
  for (let i = 0; i < steps && !stopped(); i++) {
    if (core.waiting) {
      const nanos = Math.min(clock.nanosToNextAlarm || 1000, 5e6);
      clock.tick(nanos);
      slept += nanos;
      if (slept >= 5e6) break; // an idle guest: at most 5 ms of its time, then look at the sockets
      if (core.interruptsUpdated && core.checkForInterrupts()) core.waiting = false;
    } else {
      clock.tick(core.executeInstruction() * cycle);
      instructions++;
    }
    if ((i & 4095) === 0) {
      feed();
      cycle = 1e9 / mcu.clkSys;
    }
  }
  return [instructions, slept];
}
