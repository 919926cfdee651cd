#pragma once
// Numbers as JSON writes them, correctly rounded to doubles. All text here ends in zero bytes, which end every number.
#include <cfloat>
#include <charconv>
#include <cmath>
#include <cstring>
#include <locale>
#include <sstream>
#include <string>

#include "../common.h"

namespace pymetrics {

constexpr double kPower10[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                               1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr word_t kTens[] = {1,
                            10,
                            100,
                            1000,
                            10000,
                            100000,
                            1000000,
                            10000000,
                            100000000,
                            1000000000,
                            10000000000,
                            100000000000,
                            1000000000000,
                            10000000000000,
                            100000000000000,
                            1000000000000000,
                            10000000000000000,
                            100000000000000000,
                            1000000000000000000,
                            10000000000000000000u};
constexpr word_t kBytes = 0x0101010101010101, kHighs = 0x8080808080808080;

inline bool is_digit(char c) { return unsigned(c - '0') < 10; }

inline word_t load8(const char* p) {
    word_t x;
    std::memcpy(&x, p, 8);
    return x;
}

// The place of the lowest byte that is not 0.
inline int lowest_byte(word_t word) { return int(lowest_bit(word) >> 3); }

// Eight digits 0 to 9, the first one in the lowest byte, as a number.
inline word_t join_digits(word_t x) {
    constexpr word_t mask = 0x000000FF000000FF;
    x = x * 10 + (x >> 8);
    return ((x & mask) * 0x000F424000000064 + ((x >> 16) & mask) * 0x0000271000000001) >> 32;
}

// The nearest double, where std::from_chars knows no doubles. False where it is not finite, and where some libraries'
// streams go wrong: in numbers of 40 characters and more, and in those below the least normal double.
inline bool nearest_by_stream(const char* begin, const char* end, double& value) {
    if (end - begin >= 40) return false;
    std::istringstream stream(std::string(begin, end));
    stream.imbue(std::locale::classic());
    stream >> value;
    return !stream.fail() && std::isfinite(value) && (value == 0 || std::fabs(value) >= DBL_MIN);
}

// The nearest double to a JSON number of any length; false where it is not finite (or is below the
// least double).
inline bool nearest(const char* begin, const char* end, double& value) {
#if defined(__cpp_lib_to_chars) || (defined(_LIBCPP_VERSION) && _LIBCPP_AVAILABILITY_HAS_FROM_CHARS_FLOATING_POINT)
    return std::from_chars(begin, end, value).ec == std::errc();
#else
    return nearest_by_stream(begin, end, value);
#endif
}

#ifdef __SIZEOF_INT128__
__extension__ typedef unsigned __int128 wide_t;

// digits / 10^places, correctly rounded, for digits > 0 and places <= 19: the quotient has at least 62 bits; the
// remainder becomes its last one, which is below any tie.
inline double divide(word_t digits, int places) {
    word_t divisor = kTens[places];
    const int up = __builtin_clzll(digits), down = __builtin_clzll(divisor);
    divisor <<= down;
    const wide_t numerator = wide_t(digits << up) << 63;
    auto quotient = word_t(numerator / divisor);
    quotient |= word_t(numerator - wide_t(quotient) * divisor != 0);
    const word_t power = word_t(1023 + down - up - 63) << 52;  // of two, exact
    double scale;
    std::memcpy(&scale, &power, 8);
    return double(quotient) * scale;
}
#endif

struct Number {
    enum Kind { kFraction, kWhole, kHuge };  // written with a fraction or exponent; without; without, beyond 63 bits
    Kind kind;
    index_t whole;  // of kWhole
    double value;   // of kFraction, and of kWhole to 2^53
};

// Reads the number at p and moves p behind it. False, with p where it stopped, where none stands there, or where its
// value is not finite.
inline bool read_number(const char*& p, Number& out) {
    const char* const begin = p;
    const bool negative = *p == '-';
    p += negative;
    if (!is_digit(*p)) return false;
    word_t digits = 0;  // wraps beyond 19 digits, and is not used then
    const char* first = p;
    if (*p == '0') {
        if (is_digit(*++p)) return false;
        first = p;
    }
    for (; is_digit(*p); ++p) digits = digits * 10 + word_t(*p - '0');
    index_t n_digits = p - first, n_places = 0;
    out.kind = Number::kWhole;
    if (*p == '.') {
        out.kind = Number::kFraction;
        first = ++p;
        for (word_t x; x = load8(p), kLittleEndian && ((x & kBytes * 0xF0) | ((x + kBytes * 6) & kBytes * 0xF0) >> 4) ==
                                                          kBytes * 0x33;
             p += 8)
            digits = digits * 100000000 + join_digits(x ^ kBytes * '0');
        if (kLittleEndian) {  // up to seven more
            const word_t x = load8(p) ^ kBytes * '0', stop = ((x + kBytes * 0x76) | x) & kHighs;
            const int n = lowest_byte(stop);
            if (n > 0) digits = digits * kTens[n] + join_digits(x << (64 - 8 * n));
            p += n;
        } else {
            for (; is_digit(*p); ++p) digits = digits * 10 + word_t(*p - '0');
        }
        n_places = p - first;
        if (n_places == 0) return false;
        n_digits += n_places;
    }
    index_t exponent = -n_places;
    if (*p == 'e' || *p == 'E') {
        out.kind = Number::kFraction;
        ++p;
        const bool down = *p == '-';
        p += *p == '-' || *p == '+';
        if (!is_digit(*p)) return false;
        index_t written = 0;
        for (; is_digit(*p); ++p) written = written < 100000 ? written * 10 + (*p - '0') : written;
        exponent += down ? -written : written;
    }
    if (out.kind == Number::kWhole) {
        if (n_digits > 19 || digits >> 63) out.kind = Number::kHuge;
        out.whole = index_t(negative ? 0 - digits : digits);
        out.value = double(out.whole);
        return true;
    }
    const bool fits = n_digits <= 19;
    if (fits && digits <= word_t(1) << 53 && exponent >= -22 && exponent <= 22 && FLT_EVAL_METHOD == 0) {
        out.value = exponent < 0 ? double(digits) / kPower10[-exponent] : double(digits) * kPower10[exponent];
#ifdef __SIZEOF_INT128__
    } else if (fits && digits > 0 && exponent >= -19 && exponent <= 0) {
        out.value = divide(digits, int(-exponent));
#endif
    } else {
        return nearest(begin, p, out.value);
    }
    if (negative) out.value = -out.value;
    return true;
}

}  // namespace pymetrics
