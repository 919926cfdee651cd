// Numbers of up to eight characters, cut out of the text of many records, are converted together.
#include "../vectors.h"
#include "coco_record.h"

namespace pymetrics {
namespace {

// The digits in x, eight characters less '0' each, zeros before the number; `point` becomes the lowest bit of the byte
// where the point stands, or 0.
PM_INLINE word_t digits_of(word_t x, word_t& point, word_t& bad) {
    const word_t y = x ^ kBytes * ('.' ^ '0');
    point = (~(((y & ~kHighs) + ~kHighs) | y) & kHighs) >> 7;  // 1 in the bytes of points
    point &= 0 - point;
    const word_t before = point ? point - 1 : 0;
    x = (x & before) << 8 | (x & ~(before | ((point << 8) - point)));
    bad |= (((x + kBytes * 0x76) | x) & kHighs) | point >> 56;  // no digits, or none after the point
    return join_digits(x);
}

// What was cut out for the number i: its characters less '0', without a '-', which sets is_negative; bad where the
// first one is no digit, or a 0 with a digit behind.
PM_INLINE word_t characters_of(const Cut& cut, index_t i, bool& is_negative, word_t& bad) {
    word_t x = cut.text[i] ^ kBytes * '0';
    is_negative = (x & 0xFF) == ('-' ^ '0');
    const word_t unsigned_ = is_negative ? x >> 8 : x, first = unsigned_ & 0xFF, second = unsigned_ >> 8 & 0xFF;
    bad = word_t(first > 9) | (word_t(first == 0) & word_t(second < 10));
    if (is_negative) x &= ~word_t(0xFF);
    return x << (cut.shift[i] & 63);
}

PM_INLINE void convert_ids_any(const Cut& cut, index_t n, word_t* out, word_t* bad) {
    for (index_t i = 0; i < n; ++i) {
        bool is_negative;
        word_t point, found;
        const word_t x = characters_of(cut, i, is_negative, found), digits = digits_of(x, point, found);
        const bool is_read = cut.shift[i] & kIsRead;
        const word_t whole = is_negative ? 0 - digits : digits;
        out[i] = is_read ? cut.text[i] : whole;
        bad[i] |= is_read ? 0 : found | point;
    }
}

PM_INLINE void convert_numbers_any(const Cut& cut, index_t n, word_t* out, word_t* bad) {
    for (index_t i = 0; i < n; ++i) {
        bool is_negative;
        word_t point, found;
        const word_t x = characters_of(cut, i, is_negative, found), digits = digits_of(x, point, found);
        const double value = double(index_t(digits)) / kPower10[point * 0x0706050403020100 >> 56];
        const word_t sign = is_negative && (digits | point) ? word_t(1) << 63 : 0;  // an integer has no -0
        const bool is_read = cut.shift[i] & kIsRead;
        out[i] = is_read ? cut.text[i] : bits_of(value) | sign;
        bad[i] |= is_read ? 0 : found;
    }
}

}  // namespace

PM_FOR_VECTORS(void, convert_ids, (const Cut& cut, index_t n, word_t* out, word_t* bad), (cut, n, out, bad))
PM_FOR_VECTORS(void, convert_numbers, (const Cut& cut, index_t n, word_t* out, word_t* bad), (cut, n, out, bad))

}  // namespace pymetrics
