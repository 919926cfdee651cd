#pragma once
// Strict JSON: what passes here, Python's json module takes as well. The text ends in zero bytes.
#include "decimal.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace pymetrics {

// The first character from p on that is a quote, a backslash or none that stands for itself in a string. The text ends
// in 16 zero bytes or more.
inline const char* skip_plain(const char* p) {
#if defined(__SSE2__) && defined(__GNUC__)
    for (;; p += 16) {
        const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
        const __m128i ends =
            _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('"')), _mm_cmpeq_epi8(x, _mm_set1_epi8('\\')));
        const __m128i odd = _mm_cmplt_epi8(x, _mm_set1_epi8(0x20));  // from 0x80 on, too: signed
        const int found = _mm_movemask_epi8(_mm_or_si128(ends, odd));
        if (found) return p + __builtin_ctz(unsigned(found));
    }
#else
    while (*p != '"' && *p != '\\' && static_cast<signed char>(*p) >= 0x20) ++p;
    return p;
#endif
}

// Walks over text. A method that returns false leaves `p` where it stopped, and says `why`.
struct Scanner {
    const char* p;
    const char* why = "";

    bool fail(const char* reason) {
        why = reason;
        return false;
    }

    void space() {
        while (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r') ++p;
    }

    // One character, with space around it.
    bool take(char wanted, const char* reason) {
        space();
        if (*p != wanted) return fail(reason);
        ++p;
        space();
        return true;
    }

    bool number(Number& out) { return read_number(p, out) || fail("not a finite number"); }

    bool string() {
        if (*p != '"') return fail("expected a string");
        for (++p;;) {
            p = skip_plain(p);
            const auto c = static_cast<unsigned char>(*p);
            if (c == '"') break;
            if (c < 0x20) return fail("a control character, or no end of the string");
            if (c == '\\') {
                if (!escape()) return fail("no such escape");
            } else if (!utf8(c)) {
                return fail("not UTF-8");
            }
        }
        ++p;
        return true;
    }

    // Any value, skipped.
    bool value(int depth = 0) {
        if (*p == '"') return string();
        if (*p == '{' || *p == '[') return depth < 64 ? container(depth) : fail("nested deeply");
        if (*p == '-' || is_digit(*p)) return skip_number();
        for (const char* word : {"true", "false", "null"})
            if (std::strncmp(p, word, std::strlen(word)) == 0) {
                p += std::strlen(word);
                return true;
            }
        return fail("expected a value");
    }

  private:
    bool container(int depth) {
        const bool is_object = *p++ == '{';
        const char end = is_object ? '}' : ']';
        space();
        if (*p == end) {
            ++p;
            return true;
        }
        for (;;) {
            if (is_object && !(string() && take(':', "expected ':'"))) return false;
            if (!value(depth + 1)) return false;
            space();
            if (*p == end) break;
            if (!take(',', "expected ','")) return false;
        }
        ++p;
        return true;
    }

    bool skip_number() {
        const char* const begin = p;
        p += *p == '-';
        if (!is_digit(*p)) return fail("not a number");
        if (*p == '0' && is_digit(p[1])) return fail("a number that begins with 0");
        while (is_digit(*p)) ++p;
        if (p - begin > 4000) return fail("an integer of thousands of digits");
        if (*p == '.') {
            if (!is_digit(*++p)) return fail("not a number");
            while (is_digit(*p)) ++p;
        }
        if (*p == 'e' || *p == 'E') {
            ++p;
            p += *p == '-' || *p == '+';
            if (!is_digit(*p)) return fail("not a number");
            while (is_digit(*p)) ++p;
        }
        return true;
    }

    bool escape() {
        const char c = *++p;
        if (c == 0 || !std::strchr("\"\\/bfnrtu", c)) return false;
        ++p;
        for (int i = 0; c == 'u' && i < 4; ++i, ++p)
            if (!is_digit(*p) && !(*p >= 'a' && *p <= 'f') && !(*p >= 'A' && *p <= 'F')) return false;
        return true;
    }

    // A sequence of two bytes or more; surrogates, overlong forms and what lies beyond Unicode do not pass.
    bool utf8(unsigned char c) {
        const int n_more = 1 + (c >= 0xE0) + (c >= 0xF0);
        if (c < 0xC2 || c > 0xF4) return false;
        const auto second = static_cast<unsigned char>(p[1]);
        if ((c == 0xE0 && second < 0xA0) || (c == 0xED && second > 0x9F) || (c == 0xF0 && second < 0x90) ||
            (c == 0xF4 && second > 0x8F))
            return false;
        ++p;
        for (int i = 0; i < n_more; ++i, ++p)
            if ((static_cast<unsigned char>(*p) & 0xC0) != 0x80) return false;
        return true;
    }
};

// Python computes with integers of any size.
inline bool is_exact(const Number& number) {
    return number.kind != Number::kHuge && std::fabs(number.value) < 9007199254740992.0;
}

// The numbers of an array: calls take(number) for each. False where there is something else.
template <class Take>
bool read_array(Scanner& s, Take take) {
    if (!s.take('[', "expected a list of numbers")) return false;
    if (*s.p == ']') {
        ++s.p;
        return true;
    }
    for (;;) {
        Number number;
        if (!s.number(number)) return false;
        if (!is_exact(number)) return s.fail("a number of 2^53 or more");
        if (!take(number)) return false;
        s.space();
        if (*s.p == ']') break;
        if (!s.take(',', "expected ','")) return false;
    }
    ++s.p;
    return true;
}

}  // namespace pymetrics
