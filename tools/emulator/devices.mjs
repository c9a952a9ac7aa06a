// What is wired to the emulated Pico: pins watched and driven, I2C devices, UARTs bridged to TCP, analogue inputs
// MIT license; Copyright (c) 2026 the pitwasm authors
//
// Commands of the control port, one JSON object a line; the answer carries the "id" of the command and "ok" or "error":
//   {"do": "watch", "pins": [25]}                  from now on an event for each change: {"pin": 25, "value": 1, "us": …, "cycles": …}
//                                                  value: 0 and 1 driven by the board, null: an input
//   {"do": "drive", "pin": 14, "value": 0}         an input of the board; null: let go
//   {"do": "adc", "channel": 4, "value": 876}      12 bits
//   {"do": "i2c", "bus": 0, "address": 72, "registers": "1580…", "width": 2}   a device with registers (hex), each of `width` bytes
//                                                  (1 if not given): the first byte written is the register's number, reading and
//                                                  writing go on from there; each write makes an event {"i2c": 0, "written": […], …}.
//                                                  registers: null takes the device away, without it they are told. (I2C.scan()
//                                                  finds nothing: MicroPython does that by moving the pins itself.)
//   {"do": "spi", "bus": 0, "mode": "loop"}        what is sent comes back; otherwise zeros
//   {"do": "state"}                                pins, cycles, guest time
//   {"do": "reset"}, {"do": "stop"}, {"do": "save"}

import net from 'node:net';

const TX_EMPTY = 1 << 4; // I2C: R_TX_EMPTY
const TRANSMIT = 1 << 5; // UART: UARTTXINTR
const LEVEL = { 0: 0, 1: 1 }; // GPIOPinState Low and High; the others are inputs

/** Devices outlive a reset of the board: attach() wires them to the new one. */
export class Devices {
  constructor(actions) {
    this.actions = actions; // {reset, stop, save}
    this.clients = new Set();
    this.i2c = new Map(); // "bus/address" -> {registers, width, pointer}
    this.spi = ['', ''];
    this.adc = new Map();
    this.driven = new Map(); // pin -> value
    this.uarts = [];
  }

  attach(mcu) {
    this.mcu = mcu;
    mcu.gpio.forEach((pin, number) => pin.addListener((state) => this.changed(number, LEVEL[state] ?? null)));
    mcu.i2c.forEach((bus, number) => this.attachI2C(bus, number));
    mcu.spi.forEach((bus, number) => {
      bus.onTransmit = (value) => bus.completeTransmit(this.spi[number] === 'loop' ? value : 0);
    });
    for (const [channel, value] of this.adc) mcu.adc.channelValues[channel] = value;
    for (const [pin, value] of this.driven) mcu.gpio[pin].setInputValue(!!value);
    for (const uart of this.uarts) uart.attach(mcu);
  }

  stamp() {
    return { us: Math.round(this.mcu.clock.nanos / 1000), cycles: this.mcu.core.cycles };
  }

  changed(pin, value) {
    for (const client of this.clients) {
      if (client.pins.has(pin)) client.send({ pin, value, ...this.stamp() });
    }
  }

  attachI2C(bus, number) {
    let device = null;
    let first = false;
    let written = [];
    const flush = () => {
      const event = { i2c: number, address: bus.targetAddress, written, ...this.stamp() };
      if (written.length) for (const client of this.clients) client.send(event);
      written = [];
    };
    bus.onStart = () => { flush(); bus.completeStart(); };
    bus.onConnect = (address) => {
      device = this.i2c.get(`${number}/${address}`);
      first = true;
      bus.completeConnect(!!device);
      if (!device) bus.setInterrupts(TX_EMPTY); // its FIFO is flushed then, which rp2040js does not tell: drivers would wait for it
    };
    bus.onWriteByte = (value) => {
      const { registers } = device;
      written.push(value);
      if (first) device.pointer = value * device.width;
      else if (device.pointer < registers.length) registers[device.pointer++] = value;
      first = false;
      bus.completeWrite(true);
    };
    bus.onReadByte = () => bus.completeRead(device.registers[device.pointer++ % device.registers.length] ?? 0xff);
    bus.onStop = () => { flush(); bus.completeStop(); };
  }

  perform(request, client) {
    const { mcu } = this;
    switch (request.do) {
      case 'watch':
        for (const pin of request.pins) client.pins.add(pin);
        return { pins: request.pins.map((pin) => LEVEL[mcu.gpio[pin].value] ?? null) };
      case 'drive':
        if (request.value === null) this.driven.delete(request.pin);
        else this.driven.set(request.pin, request.value);
        mcu.gpio[request.pin].setInputValue(!!request.value);
        return {};
      case 'adc':
        this.adc.set(request.channel, request.value);
        mcu.adc.channelValues[request.channel] = request.value;
        return {};
      case 'i2c': {
        const key = `${request.bus}/${request.address}`;
        if (request.registers === null) this.i2c.delete(key);
        else if (request.registers !== undefined) {
          this.i2c.set(key, { registers: Buffer.from(request.registers, 'hex'), width: request.width ?? 1, pointer: 0 });
        }
        return { registers: this.i2c.get(key)?.registers.toString('hex') ?? null };
      }
      case 'spi':
        this.spi[request.bus] = request.mode;
        return {};
      case 'state':
        return { pins: mcu.gpio.map((pin) => LEVEL[pin.value] ?? null), ...this.stamp() };
      case 'reset':
      case 'stop':
      case 'save':
        this.actions[request.do]();
        return {};
      default:
        throw new Error(`unknown command ${request.do}`);
    }
  }

  /** Serve the control port. */
  listen(port, ready) {
    return net.createServer((socket) => {
      const client = { pins: new Set(), send: (message) => socket.write(JSON.stringify(message) + '\n') };
      this.clients.add(client);
      socket.setNoDelay(true);
      let text = '';
      socket.on('data', (data) => {
        const lines = (text + data).split('\n');
        text = lines.pop();
        for (const line of lines) {
          let request = {};
          try {
            request = JSON.parse(line);
            client.send({ ok: true, ...this.perform(request, client), id: request.id });
          } catch (error) {
            client.send({ error: error.message, id: request.id });
          }
        }
      });
      socket.on('close', () => this.clients.delete(client));
      socket.on('error', () => {});
    }).listen(port, '127.0.0.1', ready);
  }
}

/** machine.UART(number) on a TCP port. What comes in is paced by the baud rate and lost when the board does not read, as on a wire. */
export class Uart {
  constructor(number, wake) {
    this.number = number;
    this.wake = wake;
    this.socket = null;
    this.input = [];
    this.lost = 0;
  }

  attach(mcu) {
    const uart = mcu.uart[this.number];
    // rp2040js raises the transmit interrupt again as soon as it is cleared, which hangs the board. The PL011 raises it when its FIFO
    // empties: here at once after each byte.
    uart.checkInterrupts = () => mcu.setInterrupt(uart.irq, !!(uart.interruptStatus & uart.interruptMask));
    uart.onByte = (value) => {
      this.socket?.write(Buffer.of(value));
      uart.interruptStatus |= TRANSMIT;
      uart.checkInterrupts();
    };
    this.alarm = mcu.clock.createAlarm(() => {
      const value = this.input.shift();
      if (uart.rxFIFO.full) this.lost++;
      else uart.feedByte(value);
      if (this.input.length) this.schedule();
      else this.busy = false;
    });
    // Ten bits a byte; a board that has not set the rate up yet is not listening, but the wire is moving all the same.
    this.schedule = () => this.alarm.schedule(1e10 / (uart.baudDivider ? uart.baudRate : 115200));
    this.busy = false;
  }

  listen(port, ready) {
    return net.createServer((socket) => {
      this.socket = socket;
      socket.setNoDelay(true);
      socket.on('data', (data) => {
        this.input.push(...data);
        if (!this.busy) this.schedule();
        this.busy = true;
        this.wake();
      });
      socket.on('close', () => { if (this.socket === socket) this.socket = null; });
      socket.on('error', () => {});
    }).listen(port, '127.0.0.1', ready);
  }
}
