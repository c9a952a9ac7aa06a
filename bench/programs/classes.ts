// AssemblyScript with its collector, for the profile: classes, virtual calls, arrays, maps, strings, typed arrays.
// MIT license; Copyright (c) 2026 the pitwasm authors

class Random {
  constructor(public state: u32) {}
  next(): u32 {
    this.state = this.state * 1664525 + 1013904223;
    return this.state >>> 8;
  }
}

abstract class Node {
  abstract value(x: i32): i32;
}
class Leaf extends Node {
  constructor(public n: i32) { super(); }
  value(x: i32): i32 { return this.n + x; }
}
class Sum extends Node {
  constructor(public left: Node, public right: Node) { super(); }
  value(x: i32): i32 { return this.left.value(x) + this.right.value(x + 1); }
}
class Product extends Node {
  constructor(public left: Node, public right: Node) { super(); }
  value(x: i32): i32 { return this.left.value(x) * this.right.value(x); }
}

function grow(random: Random, depth: i32): Node {
  if (depth == 0) return new Leaf((random.next() & 7) as i32);
  const left = grow(random, depth - 1);
  const right = grow(random, depth - 1);
  return random.next() & 1 ? new Sum(left, right) : new Product(left, right);
}

/** Expression trees: built, evaluated by virtual calls, collected. */
export function expressions(depth: i32): i32 {
  const random = new Random(1);
  let sum = 0;
  for (let i = 0; i < 4; i++) sum = sum * 31 + grow(random, depth).value(i);
  return sum;
}

/** A map from numbers to counts, and its keys sorted with a function. */
export function counts(n: i32): i32 {
  const random = new Random(2);
  const seen = new Map<i32, i32>();
  for (let i = 0; i < n; i++) {
    const key = (random.next() % 97) as i32;
    seen.set(key, seen.has(key) ? seen.get(key) + 1 : 1);
  }
  const keys = seen.keys();
  keys.sort((a, b) => (a & 7) - (b & 7) || b - a);
  let hash = 0;
  for (let i = 0; i < keys.length; i++) hash = hash * 33 + keys[i] * seen.get(keys[i]);
  return hash;
}

/** Strings: joined, split, compared, parsed. */
export function strings(n: i32): i32 {
  const random = new Random(3);
  let text = "";
  for (let i = 0; i < n; i++) text += (random.next() & 255).toString() + (i & 1 ? "," : ";");
  const parts = text.split(";");
  let hash = 0;
  for (let i = 0; i < parts.length; i++) {
    const at = parts[i].indexOf(",");
    if (at < 0) continue;
    hash = hash * 31 + (I32.parseInt(parts[i].substring(0, at)) ^ I32.parseInt(parts[i].substring(at + 1)));
  }
  return hash;
}

/** A blur over bytes, and a filter over doubles. */
export function arrays(side: i32): f64 {
  const random = new Random(4);
  const image = new Uint8Array(side * side);
  for (let i = 0; i < image.length; i++) image[i] = random.next() as u8;
  const out = new Float64Array(side * side);
  for (let y = 1; y < side - 1; y++) {
    for (let x = 1; x < side - 1; x++) {
      let sum = 0;
      for (let dy = -1; dy <= 1; dy++) {
        for (let dx = -1; dx <= 1; dx++) sum += image[(y + dy) * side + x + dx];
      }
      out[y * side + x] = (sum as f64) / 9.0;
    }
  }
  let energy = 0.0;
  for (let i = 1; i < out.length; i++) energy += (out[i] - out[i - 1]) * (out[i] - out[i - 1]);
  return energy;
}
