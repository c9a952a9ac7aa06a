// Smooths readings: the median of three throws out single peaks, a low-pass then goes a quarter of the way at each reading
// MIT license; Copyright (c) 2026 the pitwasm authors

#![no_std]

use core::cmp::{max, min};
use core::ptr::addr_of_mut;
use pitwasm_guest::{log, Adc};

const CAPACITY: usize = 32;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}

struct Filter {
    before: [i32; 2],
    state: i32, // times 16
}

impl Filter {
    const fn new() -> Self {
        Filter {
            before: [0; 2],
            state: 0,
        }
    }

    fn push(&mut self, x: i32) -> i32 {
        let [a, b] = self.before;
        self.before = [b, x];
        let median = max(min(a, b), min(max(a, b), x));
        self.state = self
            .state
            .wrapping_add((median << 4).wrapping_sub(self.state) >> 2);
        self.state >> 4
    }
}

// One thread, and nothing calls back: what is static is ours alone.
static mut FILTER: Filter = Filter::new();
static mut SAMPLES: [i16; CAPACITY] = [0; CAPACITY];

/// Filters one reading.
#[no_mangle]
pub extern "C" fn push(x: i32) -> i32 {
    unsafe { (*addr_of_mut!(FILTER)).push(x) }
}

/// Takes readings from an analogue input: the last filtered one.
#[no_mangle]
pub extern "C" fn measure(input: i32, times: i32) -> i32 {
    let adc = Adc::open(input);
    let mut result = 0;
    for _ in 0..times {
        result = push(adc.read() as i32);
    }
    log::value("filtered", result);
    result
}

/// Where the host puts samples for `smooth`.
#[no_mangle]
#[allow(unused_unsafe)] // before Rust 1.77 it is needed
pub extern "C" fn samples() -> *mut i16 {
    unsafe { addr_of_mut!(SAMPLES) as *mut i16 }
}

/// How many fit.
#[no_mangle]
pub extern "C" fn capacity() -> usize {
    CAPACITY
}

/// Filters the first n samples in place.
#[no_mangle]
pub extern "C" fn smooth(n: usize) {
    let mut filter = Filter::new();
    for x in unsafe { &mut *addr_of_mut!(SAMPLES) }.iter_mut().take(n) {
        *x = filter.push(*x as i32) as i16;
    }
}
