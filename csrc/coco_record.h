#pragma once
// One record of a COCO file, an object of known and unknown keys; and the template of records that all look alike.
#include <vector>

#include "json_scan.h"

namespace pymetrics {

enum Field { kX, kY, kW, kH, kScore, kArea, kCrowd, kImage, kCategory, kId, kOther, kFields };
using Fields = unsigned;  // one bit each
constexpr Fields kBox = 15, kIds = 1u << kImage | 1u << kCategory | 1u << kId;

// The bits of a double, or of an int64 for the ids; only those of `seen` hold anything.
struct Record {
    word_t slot[kFields];
    Fields seen;
};

// Which fields count, which must be there, and which are not read here.
struct Wanted {
    Fields known, needed, refused;
};

inline word_t bits_of(double value) {
    word_t bits;
    std::memcpy(&bits, &value, 8);
    return bits;
}

inline Field field_of(const char* key, index_t length) {
    static constexpr struct {
        const char* key;
        Field field;
    } known[] = {{"image_id", kImage}, {"category_id", kCategory}, {"bbox", kX}, {"score", kScore},
                 {"area", kArea},      {"iscrowd", kCrowd},        {"id", kId}};
    for (const auto& k : known)
        if (index_t(std::strlen(k.key)) == length && std::memcmp(k.key, key, std::size_t(length)) == 0) return k.field;
    return kOther;
}

// Where the numbers of a record stand; of no use where a value of another kind stands between.
struct Slots {
    static constexpr int most = 16;
    struct {
        const char *begin, *end;
        Field field;
    } slot[most];
    int n = 0;
    bool only_numbers = true;

    void add(const char* begin, const char* end, Field field) {
        if (n < most) slot[n++] = {begin, end, field};
        else only_numbers = false;
    }
};

// Reads numbers of records.
inline bool read_field(Scanner& s, Field field, Record& r, Slots* slots) {
    const char* const begin = s.p;
    Number number;
    if (!s.number(number)) return false;
    const bool is_id = Fields(1) << field & kIds, is_whole = number.kind == Number::kWhole;
    constexpr double exact = double(index_t(1) << 53);
    if (is_id && !is_whole) return s.fail("an id that is no integer of 64 bits");
    // Python computes with integers of any size, and with products of theirs, which are areas.
    if (!is_id && (number.kind != Number::kFraction || field <= kH))
        if (number.kind == Number::kHuge || !(std::fabs(number.value) < exact))
            return s.fail("a number of 2^53 or more");
    r.slot[field] = is_id ? word_t(number.whole) : bits_of(number.value);
    r.seen |= Fields(1) << field;
    if (slots) slots->add(begin, s.p, field);
    return true;
}

inline bool read_known(Scanner& s, Field field, Record& r, Slots* slots) {
    if (field == kX) {
        if (!s.take('[', "expected a box")) return false;
        for (int i = 0; i < 4; ++i) {
            if (!read_field(s, Field(kX + i), r, slots)) return false;
            s.space();
            if (*s.p != (i < 3 ? ',' : ']')) return s.fail("a box must hold 4 numbers");
            ++s.p;
            if (i < 3) s.space();
        }
        return true;
    }
    if (*s.p == '-' || is_digit(*s.p)) return read_field(s, field, r, slots);
    if (slots) slots->only_numbers = false;
    const char first = *s.p;
    if (!(field == kCrowd && (first == 't' || first == 'f')) && !(field == kArea && first == 'n'))
        return s.fail("expected a number");
    if (!s.value()) return false;
    if (field == kCrowd) r.slot[kCrowd] = bits_of(first == 't'), r.seen |= 1u << kCrowd;
    return true;
}

// The record at s.p, a '{'. False where it cannot be read here; s says why.
inline bool read_record(Scanner& s, const Wanted& wanted, Record& r, Slots* slots = nullptr) {
    r.seen = 0;
    if (!s.take('{', "expected a record")) return false;
    Fields met = 0;
    for (bool first = true;; first = false) {
        if (first && *s.p == '}') break;
        const char* const key = s.p + 1;
        if (!s.string()) return false;
        const index_t length = s.p - 1 - key;
        if (std::memchr(key, '\\', std::size_t(length))) return s.fail("a key with escapes");
        Field field = field_of(key, length);
        const Fields bit = Fields(1) << field;
        if (field != kOther && (wanted.refused & bit)) return s.fail("a key that has no place here");
        if (!(wanted.known & bit)) field = kOther;
        if (!s.take(':', "expected ':'")) return false;
        if (field != kOther) {
            if (met & bit) return s.fail("a key that stands there twice");
            met |= bit;
            if (!read_known(s, field, r, slots)) return false;
        } else {
            const char* const begin = s.p;
            if (!s.value()) return false;
            if (slots && (*begin == '-' || is_digit(*begin))) slots->add(begin, s.p, kOther);
            else if (slots) slots->only_numbers = false;
        }
        s.space();
        if (*s.p == '}') break;
        if (!s.take(',', "expected ',' or '}'")) return false;
    }
    if ((r.seen & wanted.needed) != wanted.needed) return s.fail("a record without a key that it needs");
    ++s.p;
    return true;
}

// A number of up to eight characters at p, a '-' before them not counted, goes to `out` without a branch on its digits;
// longer ones the long way. Where none stands there, `bad` gets bits. Returns its end.
inline const char* quick_number(const char* p, Field field, word_t& out, word_t& bad) {
    const bool is_id = Fields(1) << field & kIds;
    const char* const begin = p;
    const bool negative = *p == '-';
    if (negative) ++p;
    word_t x = load8(p);
    // High bits of bytes that are no number characters.
    const word_t stop = (~((x | kHighs) - kBytes * '-') | ((x & ~kHighs) + kBytes * (0x7F - '9')) | x) & kHighs;
    if (stop == 0 && is_number_character(p[8])) {
        Scanner s{begin};
        Record r{};
        bad |= !read_field(s, field, r, nullptr);
        out = r.slot[field];
        return s.p;
    }
    const int length = stop ? lowest_byte(stop) : 8;
    bad |= word_t(!is_digit(*p)) | word_t(*p == '0' && is_digit(p[1]));
    x = (x ^ kBytes * '0') << ((64 - 8 * length) & 63);
    const word_t y = x ^ kBytes * ('.' ^ '0');
    word_t point = (~(((y & ~kHighs) + ~kHighs) | y) & kHighs) >> 7;  // 1 in the bytes of points
    point &= 0 - point;
    const word_t before = point ? point - 1 : 0;
    const int places = point ? 7 - lowest_byte(point) : 0;
    x = (x & before) << 8 | (x & ~(before | point * 0xFF));
    bad |= (((x + kBytes * 0x76) | x) & kHighs) | point >> 56;  // no digits, or none after the point
    const word_t digits = join_digits(x);
    if (is_id) {
        bad |= point;
        out = negative ? 0 - digits : digits;
    } else {
        double value = double(std::uint32_t(digits)) / kPower10[places];
        if (negative) value = digits == 0 && point == 0 ? 0.0 : -value;
        out = bits_of(value);
    }
    return p + length;
}

// The text between the numbers, which is the same in nearly all records, learned from the first one: with it a record
// is numbers to convert and gaps to compare.
class Template {
  public:
    bool fits = false;

    // From the first record, p at its '{'; another one must follow.
    void learn(const char* p, const Wanted& wanted) {
        Slots slots;
        Record r;
        Scanner s{p};
        fits = false;
        if (!read_record(s, wanted, r, &slots) || !slots.only_numbers || slots.n == 0) return;
        const char* const brace = s.p - 1;
        if (!s.take(',', "") || *s.p != '{') return;
        n_ = slots.n, seen_ = r.seen, tail_ = s.p - brace;
        fits = kLittleEndian && set(head_, std::string(p, slots.slot[0].begin));
        for (int i = 0; i < n_; ++i) {
            const auto& slot = slots.slot[i];
            field_[i] = slot.field;
            std::string gap(slot.end, i + 1 < n_ ? slots.slot[i + 1].begin : s.p);
            if (i + 1 == n_) gap.append(p, slots.slot[0].begin);
            fits = fits && set(gap_[i], gap);
        }
    }

    // Appends the records from p, a '{', on that look like the first one, as long as the '}' before them stands before
    // `limit`. p goes on to where a record may begin; `at`, its place in the file, and `brace`, that of the '}', too.
    void read(const char*& p, index_t& at, index_t& brace, index_t limit, std::vector<Record>& records,
              index_t& n) const {
        if (head_.differs(p)) return;
        for (const char* q = p + head_.length; brace < limit; ++n) {
            if (n == index_t(records.size())) records.resize(2 * records.size() + 64);
            Record& r = records[std::size_t(n)];
            word_t bad = 0;
            for (int i = 0; i < n_; ++i) {
                const Field field = field_[i];
                q = quick_number(q, field, r.slot[field], bad);
                bad |= gap_[i].differs(q);
                q += gap_[i].length;
            }
            if (bad) return;
            r.seen = seen_;
            at += q - head_.length - p, p = q - head_.length, brace = at - tail_;
        }
    }

  private:
    static constexpr int longest = 32;
    struct Literal {
        word_t text[4], mask[4];
        index_t length;

        word_t differs(const char* p) const {
            word_t found = 0;
            for (int i = 0; i < 4; ++i) found |= (load8(p + 8 * i) ^ text[i]) & mask[i];
            return found;
        }
    };

    static bool set(Literal& literal, const std::string& text) {
        if (text.size() > longest) return false;
        literal = {};
        literal.length = index_t(text.size());
        std::memcpy(literal.text, text.data(), text.size());
        std::memset(literal.mask, 0xFF, text.size());
        return true;
    }

    int n_ = 0;
    Fields seen_ = 0;
    index_t tail_ = 0;  // from a '}' to the next '{'
    Field field_[Slots::most];
    Literal head_, gap_[Slots::most];
};

}  // namespace pymetrics
