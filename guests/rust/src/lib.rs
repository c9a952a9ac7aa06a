// What a pitwasm host can give to guests written in Rust: pins, buses, time, a log (docs/peripherals.md)
// MIT license; Copyright (c) 2026 the pitwasm authors

//! Nothing of this works unless the host granted it: importing from a peripheral that was not granted fails when the module is
//! loaded, opening a pin or device that was not granted traps. What goes wrong outside is an [`Error`].
//!
//! Handles are closed when they are dropped.

#![no_std]

/// The functions themselves, as the host has them. Those of one name are told apart by the module they are imported from.
#[allow(clashing_extern_declarations)]
pub mod raw {
    #[link(wasm_import_module = "pit_gpio")]
    extern "C" {
        #[link_name = "open"]
        pub fn gpio_open(pin: i32) -> i32;
        #[link_name = "close"]
        pub fn gpio_close(handle: i32);
        #[link_name = "read"]
        pub fn gpio_read(handle: i32) -> i32;
        #[link_name = "write"]
        pub fn gpio_write(handle: i32, level: i32);
        #[link_name = "toggle"]
        pub fn gpio_toggle(handle: i32);
    }
    #[link(wasm_import_module = "pit_adc")]
    extern "C" {
        #[link_name = "open"]
        pub fn adc_open(input: i32) -> i32;
        #[link_name = "close"]
        pub fn adc_close(handle: i32);
        #[link_name = "read"]
        pub fn adc_read(handle: i32) -> i32;
    }
    #[link(wasm_import_module = "pit_pwm")]
    extern "C" {
        #[link_name = "open"]
        pub fn pwm_open(output: i32) -> i32;
        #[link_name = "close"]
        pub fn pwm_close(handle: i32);
        #[link_name = "freq"]
        pub fn pwm_freq(handle: i32, hertz: i32) -> i32;
        #[link_name = "duty"]
        pub fn pwm_duty(handle: i32, width: i32);
    }
    #[link(wasm_import_module = "pit_i2c")]
    extern "C" {
        #[link_name = "open"]
        pub fn i2c_open(bus: i32, address: i32) -> i32;
        #[link_name = "close"]
        pub fn i2c_close(handle: i32);
        #[link_name = "write"]
        pub fn i2c_write(handle: i32, data: *const u8, n: usize) -> i32;
        #[link_name = "read"]
        pub fn i2c_read(handle: i32, data: *mut u8, n: usize) -> i32;
        #[link_name = "write_read"]
        pub fn i2c_write_read(
            handle: i32,
            command: *const u8,
            n: usize,
            data: *mut u8,
            m: usize,
        ) -> i32;
    }
    #[link(wasm_import_module = "pit_spi")]
    extern "C" {
        #[link_name = "open"]
        pub fn spi_open(bus: i32) -> i32;
        #[link_name = "close"]
        pub fn spi_close(handle: i32);
        #[link_name = "write"]
        pub fn spi_write(handle: i32, data: *const u8, n: usize) -> i32;
        #[link_name = "read"]
        pub fn spi_read(handle: i32, data: *mut u8, n: usize) -> i32;
        #[link_name = "write_read"]
        pub fn spi_write_read(
            handle: i32,
            command: *const u8,
            n: usize,
            data: *mut u8,
            m: usize,
        ) -> i32;
        #[link_name = "transfer"]
        pub fn spi_transfer(handle: i32, out: *const u8, n: usize, data: *mut u8, m: usize) -> i32;
    }
    #[link(wasm_import_module = "pit_uart")]
    extern "C" {
        #[link_name = "open"]
        pub fn uart_open(port: i32) -> i32;
        #[link_name = "close"]
        pub fn uart_close(handle: i32);
        #[link_name = "any"]
        pub fn uart_any(handle: i32) -> i32;
        #[link_name = "write"]
        pub fn uart_write(handle: i32, data: *const u8, n: usize) -> i32;
        #[link_name = "read"]
        pub fn uart_read(handle: i32, data: *mut u8, n: usize) -> i32;
    }
    #[link(wasm_import_module = "pit_time")]
    extern "C" {
        pub fn ticks_ms() -> i32;
        pub fn ticks_us() -> i32;
        pub fn sleep_ms(n: i32);
        pub fn sleep_us(n: i32);
        #[link_name = "unix"]
        pub fn time_unix() -> i64;
    }
    #[link(wasm_import_module = "pit_log")]
    extern "C" {
        #[link_name = "text"]
        pub fn log_text(text: *const u8, n: usize);
        #[link_name = "value"]
        pub fn log_value(name: *const u8, n: usize, value: i32);
    }
}

/// What went wrong outside, as a positive errno: 5 (EIO) nobody answered, 110 (ETIMEDOUT), 22 (EINVAL) the driver cannot do that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error(pub i32);

fn done(code: i32) -> Result<(), Error> {
    count(code).map(|_| ())
}

fn count(code: i32) -> Result<usize, Error> {
    if code < 0 {
        Err(Error(code.wrapping_neg()))
    } else {
        Ok(code as usize)
    }
}

/// Wraps a handle: opened by `$open`, closed when dropped.
macro_rules! handle {
    ($(#[$doc:meta])* $name:ident, $close:ident, $open:ident($($argument:ident),+)) => {
        $(#[$doc])*
        pub struct $name(i32);

        impl $name {
            pub fn open($($argument: i32),+) -> Self {
                $name(unsafe { raw::$open($($argument),+) })
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                unsafe { raw::$close(self.0) }
            }
        }
    };
}

handle!(
    /// A digital pin. The host decides whether it is an input or an output.
    Gpio, gpio_close, gpio_open(pin)
);

impl Gpio {
    pub fn read(&self) -> bool {
        unsafe { raw::gpio_read(self.0) != 0 }
    }

    /// Traps on an input.
    pub fn write(&self, level: bool) {
        unsafe { raw::gpio_write(self.0, level as i32) }
    }

    pub fn toggle(&self) {
        unsafe { raw::gpio_toggle(self.0) }
    }
}

handle!(
    /// An analogue input.
    Adc, adc_close, adc_open(input)
);

impl Adc {
    /// 0 … 65535
    pub fn read(&self) -> u16 {
        unsafe { raw::adc_read(self.0) as u16 }
    }
}

handle!(
    /// Pulses; they end when this is dropped.
    Pwm, pwm_close, pwm_open(output)
);

impl Pwm {
    pub fn freq(&self, hertz: i32) -> Result<(), Error> {
        done(unsafe { raw::pwm_freq(self.0, hertz) })
    }

    pub fn duty(&self, width: u16) {
        unsafe { raw::pwm_duty(self.0, width as i32) }
    }
}

handle!(
    /// The device at an address of an I2C bus.
    I2c, i2c_close, i2c_open(bus, address)
);

impl I2c {
    pub fn write(&self, data: &[u8]) -> Result<(), Error> {
        done(unsafe { raw::i2c_write(self.0, data.as_ptr(), data.len()) })
    }

    pub fn read(&self, data: &mut [u8]) -> Result<(), Error> {
        done(unsafe { raw::i2c_read(self.0, data.as_mut_ptr(), data.len()) })
    }

    /// The usual way to read a register: write, then read without a stop between the two.
    pub fn write_read(&self, command: &[u8], data: &mut [u8]) -> Result<(), Error> {
        done(unsafe {
            raw::i2c_write_read(
                self.0,
                command.as_ptr(),
                command.len(),
                data.as_mut_ptr(),
                data.len(),
            )
        })
    }
}

handle!(
    /// An SPI bus with a chip select, which is low during each of these.
    Spi, spi_close, spi_open(bus)
);

impl Spi {
    pub fn write(&self, data: &[u8]) -> Result<(), Error> {
        done(unsafe { raw::spi_write(self.0, data.as_ptr(), data.len()) })
    }

    pub fn read(&self, data: &mut [u8]) -> Result<(), Error> {
        done(unsafe { raw::spi_read(self.0, data.as_mut_ptr(), data.len()) })
    }

    pub fn write_read(&self, command: &[u8], data: &mut [u8]) -> Result<(), Error> {
        done(unsafe {
            raw::spi_write_read(
                self.0,
                command.as_ptr(),
                command.len(),
                data.as_mut_ptr(),
                data.len(),
            )
        })
    }

    /// Both at once; both of the same length.
    pub fn transfer(&self, out: &[u8], data: &mut [u8]) -> Result<(), Error> {
        done(unsafe {
            raw::spi_transfer(
                self.0,
                out.as_ptr(),
                out.len(),
                data.as_mut_ptr(),
                data.len(),
            )
        })
    }
}

handle!(
    /// A serial port.
    Uart, uart_close, uart_open(port)
);

impl Uart {
    /// Bytes that can be read at once.
    pub fn any(&self) -> usize {
        unsafe { raw::uart_any(self.0) as usize }
    }

    /// How many bytes were written.
    pub fn write(&self, data: &[u8]) -> Result<usize, Error> {
        count(unsafe { raw::uart_write(self.0, data.as_ptr(), data.len()) })
    }

    /// How many bytes there were; does not wait for more.
    pub fn read(&self, data: &mut [u8]) -> Result<usize, Error> {
        count(unsafe { raw::uart_read(self.0, data.as_mut_ptr(), data.len()) })
    }
}

/// Clocks and sleeping.
pub mod time {
    use super::raw;

    /// Milliseconds of 30 bits, which wrap around: compare with [`ticks_diff`] only.
    pub fn ticks_ms() -> i32 {
        unsafe { raw::ticks_ms() }
    }

    /// Microseconds, likewise.
    pub fn ticks_us() -> i32 {
        unsafe { raw::ticks_us() }
    }

    pub fn ticks_diff(later: i32, earlier: i32) -> i32 {
        later.wrapping_sub(earlier) << 2 >> 2
    }

    pub fn sleep_ms(n: i32) {
        unsafe { raw::sleep_ms(n) }
    }

    pub fn sleep_us(n: i32) {
        unsafe { raw::sleep_us(n) }
    }

    /// Seconds since 1970, as far as the board knows.
    pub fn unix() -> i64 {
        unsafe { raw::time_unix() }
    }
}

/// Lines for people.
pub mod log {
    use super::raw;

    pub fn text(text: &str) {
        unsafe { raw::log_text(text.as_ptr(), text.len()) }
    }

    /// "name = value"
    pub fn value(name: &str, value: i32) {
        unsafe { raw::log_value(name.as_ptr(), name.len(), value) }
    }
}
