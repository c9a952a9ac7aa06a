// The emulated Pico: node run.mjs --modules node_modules --rom bootrom.bin --firmware firmware.bin [--flash flash.img] [--repl PORT] …
// MIT license; Copyright (c) 2026 the pitwasm authors
//
// Ports (all on 127.0.0.1; 0, the default, is any free one): --repl the USB serial, for mpremote connect socket://127.0.0.1:PORT;
// --control commands and events (devices.mjs); --uart0, --uart1 the UARTs. Once all listen, a line of JSON with them goes to stdout.
// --flash keeps the board's filesystem over runs. --seconds N ends after that long. Ends by SIGTERM, when the board cannot go on, or,
// with --tied, when its standard input does: with whoever started it, however that came to its end.

import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Devices, Uart } from './devices.mjs';
import { boot, load, run } from './rp2040.mjs';

const FILESYSTEM = 0xa0000; // where the filesystem of a RPI_PICO starts; before it lies the firmware
const STEPS = 100000; // of the guest between two looks at the host

const text = { type: 'string' };
const { values: options } = parseArgs({
  options: { modules: text, rom: text, firmware: text, flash: text, repl: text, control: text, uart0: text, uart1: text, seconds: text,
    tied: { type: 'boolean' } },
});
const library = load(path.resolve(options.modules));
const bootrom = fs.readFileSync(options.rom);

let image = Buffer.alloc(2 * 1024 * 1024, 0xff);
if (options.flash && fs.existsSync(options.flash)) fs.readFileSync(options.flash).copy(image, FILESYSTEM, FILESYSTEM);
fs.readFileSync(options.firmware).copy(image);

let board = null;
let stopWhy = null;
let resetting = false;
let repl = null; // the socket that talks to the USB serial
let unheard = Buffer.alloc(0);
let timer = null;
let idle = 0;
const started = process.hrtime.bigint();
const spent = { instructions: 0, busyMs: 0, cycles: 0 };
const wallMs = () => Number(process.hrtime.bigint() - started) / 1e6;

const devices = new Devices({ reset: () => { resetting = true; wake(); }, stop: () => finish(0), save });
devices.uarts = [new Uart(0, wake), new Uart(1, wake)];

function powerOn() {
  resetting = false;
  board = boot(library, {
    bootrom,
    flash: image,
    onSerial: (data) => {
      const bytes = Buffer.from(data);
      if (repl) repl.write(bytes);
      else unheard = Buffer.concat([unheard, bytes]).subarray(-4096);
    },
    stop: (why) => { stopWhy = why; },
    reset: () => { resetting = true; },
  });
  devices.attach(board.mcu);
}

function slice() {
  timer = null;
  const t = process.hrtime.bigint();
  const before = board.mcu.core.cycles;
  board.feed();
  const [instructions] = run(board, STEPS, () => stopWhy !== null || resetting);
  spent.instructions += instructions;
  spent.cycles += board.mcu.core.cycles - before;
  spent.busyMs += Number(process.hrtime.bigint() - t) / 1e6;
  if (stopWhy !== null) {
    console.error('stopped:', stopWhy);
    return finish(3);
  }
  if (resetting) {
    image = board.flash();
    repl?.end(); // a board that resets is gone from USB for a moment
    unheard = Buffer.alloc(0);
    powerOn();
  }
  if (options.seconds && wallMs() > 1000 * options.seconds) return finish(0);
  if (instructions < STEPS / 5 && !board.pending()) {
    // Mostly asleep: the guest's clock runs about as fast as the host's, which is not kept busy.
    timer = setTimeout(slice, ++idle > 5 ? 2 : 0);
  } else {
    idle = 0;
    setImmediate(slice);
  }
}

function wake() {
  idle = 0;
  if (timer !== null) {
    clearTimeout(timer);
    timer = null;
    setImmediate(slice);
  }
}

function save() {
  if (!options.flash) return;
  fs.writeFileSync(options.flash + '.tmp', board.flash());
  fs.renameSync(options.flash + '.tmp', options.flash);
}

function finish(status) {
  save();
  const { instructions, busyMs, cycles } = spent;
  console.error(JSON.stringify({
    seconds: +(wallMs() / 1000).toFixed(1),
    busySeconds: +(busyMs / 1000).toFixed(1),
    guestSeconds: +(board.mcu.clock.nanos / 1e9).toFixed(2),
    instructions,
    cycles,
    MIPS: +(instructions / busyMs / 1000).toFixed(2),
  }));
  process.exit(status);
}

const replServer = (port, ready) => net.createServer((socket) => {
  repl = socket;
  socket.setNoDelay(true);
  if (unheard.length) socket.write(unheard);
  unheard = Buffer.alloc(0);
  socket.on('data', (data) => { board.send(data); wake(); });
  socket.on('close', () => { if (repl === socket) repl = null; });
  socket.on('error', () => {});
}).listen(port, '127.0.0.1', ready);

async function main() {
  const listeners = {
    repl: replServer,
    control: devices.listen.bind(devices),
    uart0: devices.uarts[0].listen.bind(devices.uarts[0]),
    uart1: devices.uarts[1].listen.bind(devices.uarts[1]),
  };
  const ports = { pid: process.pid };
  for (const [name, listen] of Object.entries(listeners)) {
    ports[name] = await new Promise((resolve, reject) => {
      const server = listen(+(options[name] ?? 0), () => resolve(server.address().port));
      server.on('error', reject);
    });
  }
  powerOn();
  process.on('SIGTERM', () => finish(0));
  process.on('SIGINT', () => finish(0));
  if (options.tied) process.stdin.on('end', () => finish(0)).resume();
  console.log(JSON.stringify(ports));
  setImmediate(slice);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
