// Rust with its standard library, for the profile: growing vectors, trees, hashing, text, iterators, bounds checks.
// MIT license; Copyright (c) 2026 the pitwasm authors

use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::fmt::Write;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as u32
    }
}

fn mix(hash: u32, value: u32) -> u32 {
    (hash ^ value).wrapping_mul(16777619).rotate_left(5)
}

/// Sorts structs by two keys, then looks them up by bisection.
#[no_mangle]
pub extern "C" fn records(count: u32) -> u32 {
    let mut random = Random(1);
    let mut found: Vec<(u16, u32)> = (0..count).map(|_| (random.next() as u16 & 63, random.next())).collect();
    found.sort();
    found.dedup_by_key(|r| r.1);
    let mut hash = 0;
    for _ in 0..count {
        let key = (random.next() as u16 & 63, random.next());
        let place = found.binary_search(&key).unwrap_or_else(|p| p);
        hash = mix(hash, place as u32);
    }
    hash
}

/// Shortest paths in a grid with weights, by a binary heap.
#[no_mangle]
pub extern "C" fn paths(side: usize) -> u32 {
    let mut random = Random(2);
    let weights: Vec<Vec<u32>> = (0..side).map(|_| (0..side).map(|_| 1 + random.next() % 9).collect()).collect();
    let mut far = vec![u32::MAX; side * side];
    let mut open = BinaryHeap::new();
    far[0] = 0;
    open.push((std::cmp::Reverse(0), 0usize, 0usize));
    while let Some((std::cmp::Reverse(distance), x, y)) = open.pop() {
        if distance > far[y * side + x] {
            continue;
        }
        for (dx, dy) in [(1i32, 0i32), (-1, 0), (0, 1), (0, -1)] {
            let (nx, ny) = ((x as i32 + dx) as usize, (y as i32 + dy) as usize);
            if nx >= side || ny >= side {
                continue;
            }
            let next = distance + weights[ny][nx];
            if next < far[ny * side + nx] {
                far[ny * side + nx] = next;
                open.push((std::cmp::Reverse(next), nx, ny));
            }
        }
    }
    far[side * side - 1]
}

/// Formats numbers into a text, splits it into words, counts them in a tree, and parses them back.
#[no_mangle]
pub extern "C" fn text(count: u32) -> u32 {
    let mut random = Random(3);
    let mut line = String::new();
    for i in 0..count {
        write!(line, "{:x} n{} ", random.next() & 0xfff, i % 7).unwrap();
    }
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for word in line.split_whitespace() {
        *seen.entry(word).or_insert(0) += 1;
    }
    let mut hash = 0;
    for (word, times) in &seen {
        let value = u32::from_str_radix(word, 16).unwrap_or(word.len() as u32);
        hash = mix(mix(hash, value), *times);
    }
    hash
}

enum Shape {
    Disk { radius: f32 },
    Box { width: f32, height: f32 },
    Many(Vec<Shape>),
}

trait Area {
    fn area(&self) -> f32;
}

impl Area for Shape {
    fn area(&self) -> f32 {
        match self {
            Shape::Disk { radius } => 3.14159 * radius * radius,
            Shape::Box { width, height } => width * height,
            Shape::Many(parts) => parts.iter().map(|part| part.area()).sum(),
        }
    }
}

/// Enums, recursion and calls through a trait's table, on single floats.
#[no_mangle]
pub extern "C" fn shapes(count: u32) -> f32 {
    let mut random = Random(4);
    let mut queue: VecDeque<Shape> = VecDeque::new();
    for _ in 0..count {
        let size = (random.next() & 15) as f32 / 4.0;
        match random.next() % 3 {
            0 => queue.push_back(Shape::Disk { radius: size }),
            1 => queue.push_back(Shape::Box { width: size, height: size + 1.0 }),
            _ => {
                let parts = (0..queue.len().min(3)).filter_map(|_| queue.pop_front()).collect();
                queue.push_back(Shape::Many(parts));
            }
        }
    }
    let boxed: Vec<Box<dyn Area>> = queue.into_iter().map(|shape| Box::new(shape) as Box<dyn Area>).collect();
    boxed.iter().map(|shape| shape.area()).sum()
}
