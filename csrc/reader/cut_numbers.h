#pragma once
// Many numbers at once: cut out of the text first, converted together then.
#include "json_scan.h"

namespace pymetrics {

// Numbers of up to eight characters as they are cut out of the text of many records: eight characters, the first one in
// the lowest byte; and by how many bits to shift those out that are not the number's. Of longer ones, which are read on
// the spot, the bits of the value, and kIsRead.
constexpr index_t kBlock = 64;
constexpr word_t kIsRead = 1 << 8;
struct Cut {
    word_t text[kBlock], shift[kBlock];
};

// Cuts out what stands at p, up to the first `stop`. Returns its end; null where it is longer than eight characters.
// Each number begins where the last one ended: the time of a record is that of this chain of dependent operations.
inline const char* cut_number(const char* p, char stop, word_t stops, word_t& text, word_t& shift) {
    const word_t x = text = load8(p), y = x ^ stops;
    const word_t found = (y - kBytes) & ~y & kHighs;  // the lowest bit is that of the first `stop`
    if (found == 0 && p[8] != stop) return nullptr;
    const int length = found ? lowest_byte(found) : 8;
    shift = word_t(64 - 8 * length);
    return p + length;
}

// What was cut out, converted together, in vectors; bad[i] gets bits where no number stands.
void convert_ids(const Cut& cut, index_t n, word_t* out, word_t* bad);
void convert_numbers(const Cut& cut, index_t n, word_t* out, word_t* bad);

// Which of the 64 bytes at p are commas, closing brackets or 0: a bit each, the first one lowest.
inline word_t ends64(const char* p) {
    word_t found = 0;
#if defined(__SSE2__) && defined(__GNUC__)
    for (int i = 0; i < 4; ++i) {
        const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 16 * i));
        const __m128i stops =
            _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8(',')), _mm_cmpeq_epi8(x, _mm_set1_epi8(']')));
        const __m128i any = _mm_or_si128(stops, _mm_cmpeq_epi8(x, _mm_setzero_si128()));
        found |= word_t(unsigned(_mm_movemask_epi8(any))) << 16 * i;
    }
#else
    for (int i = 0; i < 8; ++i) {
        const word_t x = load8(p + 8 * i);
        word_t any = 0;  // the high bit of each byte that is one of them
        for (const char c : {',', ']', '\0'}) {
            const word_t y = x ^ kBytes * static_cast<unsigned char>(c);
            any |= ~(((y & ~kHighs) + ~kHighs) | y) & kHighs;
        }
        found |= ((any >> 7) * 0x0102040810204080 >> 56) << 8 * i;
    }
#endif
    return found;
}

// Walks over the ends of the numbers of a list: the next comma, closing bracket or 0. All of 64 bytes are found at
// once, so that no number waits for the one before.
class Ends {
    const char* from_;
    word_t found_;

  public:
    explicit Ends(const char* p) : from_(p), found_(ends64(p)) {}

    const char* next() {
        while (found_ == 0) found_ = ends64(from_ += 64);  // a 0 ends every text
        const char* const end = from_ + lowest_bit(found_);
        found_ &= found_ - 1;
        return end;
    }
};

// A list of `width` numbers, below 2^53 each. False where there is something else; s says why.
inline bool read_list(Scanner& s, double* out, index_t width) {
    const char* p = s.p + 1;
    bool ok = kLittleEndian && *s.p == '[';
    index_t gap = 0;  // from the end of a number to the next one: that of the first, so that no number waits for it
    word_t other = 0;
    Ends ends(p);
    for (index_t i = 0; ok && i < width; i += kBlock) {
        Cut cut;
        const index_t n = std::min(kBlock, width - i);
        for (index_t j = 0; ok && j < n; ++j) {
            const char stop = i + j + 1 < width ? ',' : ']';
            const char* const end = ends.next();
            if (*end != stop) ok = false;
            if (end - p <= 8) {
                cut.text[j] = load8(p);
                cut.shift[j] = word_t(64 - 8 * (end - p));
            } else if (ok) {
                Scanner at{p};
                Number number{};
                ok = at.number(number) && is_exact(number) && at.p == end;
                std::memcpy(&cut.text[j], &number.value, 8);
                cut.shift[j] = kIsRead;
            }
            if (gap == 0) gap = end[1] == ' ' ? 2 : 1;
            other |= word_t((end[1] == ' ') != (gap == 2)) & word_t(stop == ',');
            p = end + gap;
        }
        if (!ok) break;
        word_t bad[kBlock] = {}, values[kBlock], any = 0;
        convert_numbers(cut, n, values, bad);
        for (index_t j = 0; j < n; ++j) any |= bad[j];
        std::memcpy(out + i, values, std::size_t(n) * 8);
        ok = any == 0 && other == 0;
    }
    if (ok) {
        s.p = p - gap + 1;
        return true;
    }
    index_t n = 0;  // written in another way, or no number
    auto keep = [&](const Number& number) {
        if (n == width) return s.fail("more numbers than the first list has");
        out[n++] = number.value;
        return true;
    };
    return read_array(s, keep) && (n == width || s.fail("fewer numbers than the first list has"));
}

}  // namespace pymetrics
