# The peripherals of RP2040 and RP2350 boards, made by number for pitwasm.peripherals
# MIT license; Copyright (c) 2026 the pitwasm authors

from machine import ADC, PWM, Pin


def adc(number):
    """Of a pin from 26 on, or of a channel: 4 is the RP2040's thermometer."""
    return ADC(number)


def pwm(number):
    return PWM(Pin(number), freq=1000, duty_u16=0)
