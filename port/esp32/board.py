# The peripherals of ESP32 boards, made by number for pitwasm.peripherals
# MIT license; Copyright (c) 2026 the pitwasm authors

from machine import ADC, PWM, Pin


def adc(number):
    """With the whole range of voltages."""
    return ADC(Pin(number), atten=ADC.ATTN_11DB)


def pwm(number):
    return PWM(Pin(number), freq=1000, duty_u16=0)
