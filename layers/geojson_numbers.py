"""Numbers as JSON text, compiled: the shortest digits that read back the same, and coordinates of 7 decimals.

The functions write bytes at a place in an array and return the place after them; the caller has seen to the
room. Shortest digits are found as in Raffaello Giulietti, "The Schubfach way to render doubles" (2020).
"""

from __future__ import annotations

import numpy as np

from compiling import I64, U8, U64, borrowing
from compiling.words import leading_zeros, put_little_64

NUMBER_ROOM = 26
"""Bytes that no number exceeds, and that its writer may use."""

COORDINATE_DECIMALS = 7
"""About a centimetre; RFC 7946, section 11.2, warns of more than is known."""

_LEAST_POWER, _MOST_POWER = -292, 324
_MOST_SCALED = 1e17  # beyond it a coordinate times 10**7 is no exact integer any more
_DECIMAL_SHIFT = 1e7
_EXACT_DIGITS = 1e15


def _powers_of_ten() -> U64:
    """The leading 128 bits of 10**k, rounded up: rows of high and low word, k from -292."""
    words = []
    for k in range(_LEAST_POWER, _MOST_POWER + 1):
        # 10**k = g * 2**e with 2**127 <= g < 2**128
        e = (k * 1741647 >> 19) - 127
        numerator, denominator = 10 ** max(k, 0), 10 ** max(-k, 0)
        numerator, denominator = numerator << max(-e, 0), denominator << max(e, 0)
        g = -(-numerator // denominator)
        words.append((g >> 64, g & (2**64 - 1)))
    return np.array(words, dtype=np.uint64)


_POWERS = _powers_of_ten()
_LOW_HALF, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
_0, _1, _2, _4, _10, _40, _100, _1000 = (np.uint64(n) for n in (0, 1, 2, 4, 10, 40, 100, 1000))
_10000, _OF_100, _OF_10 = np.uint64(10_000), np.uint64(10_486), np.uint64(103)
_IN_HALVES, _IN_PAIRS = np.uint64(0x0000007F_0000007F), np.uint64(0x000F000F_000F000F)
_ZEROS = np.uint64(0x30303030_30303030)
_SHIFT = np.uint64(10**COORDINATE_DECIMALS)
_HIDDEN_BIT, _FRACTION = np.uint64(1 << 52), np.uint64((1 << 52) - 1)
_ONES = np.array([48 + n % 10 for n in range(100)], dtype=np.uint8)
_TENS = np.array([48 + n // 10 for n in range(100)], dtype=np.uint8)
_NULL = np.frombuffer(b"null", dtype=np.uint8)


@borrowing
def _product(a: np.uint64, b: np.uint64) -> tuple[np.uint64, np.uint64]:
    """High and low word of a product."""
    a_low, a_high, b_low, b_high = a & _LOW_HALF, a >> _HALF, b & _LOW_HALF, b >> _HALF
    low = a_low * b_low
    middle = a_high * b_low + (low >> _HALF)
    other = a_low * b_high + (middle & _LOW_HALF)
    return a_high * b_high + (middle >> _HALF) + (other >> _HALF), a * b


@borrowing
def _scaled(high: np.uint64, low: np.uint64, factor: np.uint64) -> np.uint64:
    """The upper part of a 128-bit power times a factor, rounded to odd."""
    carried, _ = _product(low, factor)
    upper, lower = _product(high, factor)
    total = lower + carried
    if total < lower:
        upper += _1
    return upper | (_1 if total > _1 else _0)


@borrowing
def _shortest(fraction: np.uint64, exponent: int) -> tuple[np.uint64, int]:
    """Digits `d` and power `k` of the shortest decimal `d * 10**k` of a positive double, closest of those.

    `fraction` and `exponent` are the double's fields. The digits may end in zeros.
    """
    if exponent != 0:
        c, q = fraction | _HIDDEN_BIT, exponent - 1075
    else:
        c, q = fraction, -1074
    if -53 < q <= 0 and c & ((_1 << np.uint64(-q)) - _1) == _0:
        return c >> np.uint64(-q), 0
    out = c & _1  # an odd double does not own the middle to its neighbours
    uneven = fraction == _0 and exponent > 1  # the neighbour below is nearer
    below = _4 * c - (_1 if uneven else _2)
    k = (q * 1262611 - (524031 if uneven else 0)) >> 22
    h = np.uint64(q + (-k * 1741647 >> 19) + 1)
    high, low = _POWERS[-k - _LEAST_POWER, 0], _POWERS[-k - _LEAST_POWER, 1]
    lower = _scaled(high, low, below << h) + out
    middle = _scaled(high, low, (_4 * c) << h)
    upper = _scaled(high, low, (_4 * c + _2) << h) - out
    s = middle >> _2
    if s >= _10:
        tens = s // _10
        down, up = lower <= _40 * tens, _40 * tens + _40 <= upper
        if down != up:
            return tens + (_1 if up else _0), k + 1
    down, up = lower <= _4 * s, _4 * s + _4 <= upper
    if down != up:
        return s + (_1 if up else _0), k
    half = _4 * s + _2
    if middle > half or (middle == half and s & _1 == _1):
        s += _1
    return s, k


@borrowing
def _digits_of(n: np.uint64) -> int:
    count = 1
    while n >= _100:
        n = n // _100
        count += 2
    return count + 1 if n >= _10 else count


@borrowing
def _write_digits(out: U8, at: int, n: np.uint64, count: int) -> int:
    """The last `count` decimal digits of `n`, with zeros in front."""
    place = at + count
    while place > at + 1:
        place -= 2
        rest = n // _100
        pair = n - rest * _100
        out[place] = _TENS[pair]
        out[place + 1] = _ONES[pair]
        n = rest
    if place > at:
        out[at] = _ONES[n % _10]
    return at + count


@borrowing
def _write_pair(out: U8, at: int, n: np.uint64) -> int:
    out[at] = _TENS[n]
    out[at + 1] = _ONES[n]
    return at + 2


@borrowing
def _write_whole(out: U8, at: int, n: np.uint64) -> int:
    """A number without zeros in front; most have few digits."""
    if n < _10:
        out[at] = _ONES[n]
        return at + 1
    if n < _100:
        return _write_pair(out, at, n)
    if n < _1000:
        out[at] = _ONES[n // _100]
        return _write_pair(out, at + 1, n % _100)
    return _write_digits(out, at, n, _digits_of(n))


@borrowing
def _eight_digits(n: np.uint64) -> np.uint64:
    """The decimal digits of a number below 10**8, each a byte, the first one lowest.

    Split in halves, pairs and digits, all parts of a word at once; the factors are rounded inverses of 100
    and 10 that are exact for such small numbers.
    """
    high = n // _10000
    halves = high | ((n - high * _10000) << _HALF)
    pairs = ((halves * _OF_100) >> np.uint64(20)) & _IN_HALVES
    pairs |= (halves - _100 * pairs) << np.uint64(16)
    tens = ((pairs * _OF_10) >> np.uint64(10)) & _IN_PAIRS
    return tens | ((pairs - _10 * tens) << np.uint64(8))


@borrowing
def write_null(out: U8, at: int) -> int:
    """`null`."""
    for byte in _NULL:
        out[at] = byte
        at += 1
    return at


@borrowing
def write_integer(out: U8, at: int, value: np.int64) -> int:
    """A whole number."""
    n = np.uint64(value)
    if value < 0:
        out[at] = np.uint8(45)
        at += 1
        n = _0 - n
    return _write_digits(out, at, n, _digits_of(n))


@borrowing
def _write_thousandths(out: U8, at: int, n: np.uint64) -> int:
    """A number of thousandths, without zeros at its end but for one after the point."""
    whole = n // _1000
    at = _write_whole(out, at, whole)
    rest = n - whole * _1000
    pair = rest // _10
    last = rest - pair * _10
    out[at] = np.uint8(46)
    _write_pair(out, at + 1, pair)
    out[at + 3] = _ONES[last]
    if last != _0:
        return at + 4
    return at + 3 if _ONES[pair] != np.uint8(48) else at + 2


@borrowing
def write_double(out: U8, at: int, bits: np.int64) -> int:
    """The double with these bits as its shortest decimal; `null` for what is no number or infinite.

    A whole number keeps a `.0`, so that a reader who types columns takes it for a number with a fraction.
    """
    raw = np.uint64(bits)
    fraction = raw & _FRACTION
    exponent = int((raw >> np.uint64(52)) & np.uint64(0x7FF))
    if exponent == 0x7FF:
        return write_null(out, at)
    if bits < 0:
        out[at] = np.uint8(45)
        at += 1
    # Decimals of up to 15 digits all read as different doubles, so one that reads as this one is its own.
    value = abs(np.int64(bits).view(np.float64))
    thousandths = np.rint(value * 1000.0)
    if thousandths < _EXACT_DIGITS and thousandths / 1000.0 == value:
        return _write_thousandths(out, at, np.uint64(thousandths))
    if exponent == 0 and fraction == _0:
        digits, k = _0, 0
    else:
        digits, k = _shortest(fraction, exponent)
        while digits >= _10 and digits % _10 == _0:
            digits = digits // _10
            k += 1
    count = _digits_of(digits)
    before = count + k  # digits before the decimal point
    if -4 < before <= 0:
        at = _write_digits(out, at, _0, 1)
        out[at] = np.uint8(46)
        at = _write_digits(out, at + 1, _0, -before)
        return _write_digits(out, at, digits, count)
    if 0 < before <= 16:
        if k >= 0:
            at = _write_digits(out, at, digits, count)
            at = _write_digits(out, at, _0, k)
            out[at] = np.uint8(46)
            return _write_digits(out, at + 1, _0, 1)
        at = _write_digits(out, at + 1, digits, count)
        for place in range(at - count - 1, at - count - 1 + before):
            out[place] = out[place + 1]
        out[at - count - 1 + before] = np.uint8(46)
        return at
    at = _write_digits(out, at + 1, digits, count)
    out[at - count - 1] = out[at - count]
    if count > 1:
        out[at - count] = np.uint8(46)
    else:
        at -= 1
    out[at] = np.uint8(101)
    return write_integer(out, at + 1, np.int64(before - 1))


@borrowing
def write_coordinate(out: U8, at: int, value: float) -> int:
    """A finite number rounded to 7 decimals, without zeros at its end; whole numbers keep a `.0`."""
    shifted = np.rint(value * _DECIMAL_SHIFT)
    if not abs(shifted) < _MOST_SCALED:
        return write_double(out, at, np.float64(value).view(np.int64))
    if shifted < 0.0:
        out[at] = np.uint8(45)
        at += 1
        shifted = -shifted
    n = np.uint64(shifted)
    whole = n // _SHIFT
    at = _write_whole(out, at, whole)
    out[at] = np.uint8(46)
    digits = _eight_digits((n - whole * _SHIFT) * _10)
    put_little_64(out, at + 1, digits + _ZEROS)
    # The first digit lies lowest: the zeros at the end are those above the highest one. One digit stays.
    return at + 9 - min(leading_zeros(digits) >> 3, 7)


@borrowing
def write_doubles(values: I64, out: U8, ends: I64) -> int:
    """Doubles, given by their bits, one after another; `ends` takes where each one ends."""
    at = 0
    for row in range(len(values)):
        at = write_double(out, at, values[row])
        ends[row] = at
    return at
