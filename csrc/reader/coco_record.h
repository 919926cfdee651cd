#pragma once
// One record of a COCO file, an object of known and unknown keys; and the template of records that all look alike.
#include <limits>
#include <memory>
#include <string_view>
#include <utility>

#include "cut_numbers.h"

namespace pymetrics {

// kLvisKey: either of the two keys that LVIS adds to images, whose values are not read. kMask, kMaskEnd: where the
// value of `segmentation` begins and ends, as pointers into the text; kName, kNameEnd: that of `file_name`. kPoints:
// the numbers of `keypoints`, which stand beside the slots.
// clang-format off
enum Field {
    kX, kY, kW, kH, kScore, kArea, kCrowd, kIgnore, kHeight, kWidth, kImage, kCategory, kId, kLvisKey, kMask, kMaskEnd,
    kName, kNameEnd, kPoints, kLabelled, kOther, kFields
};
// clang-format on
using Fields = unsigned;  // one bit each
constexpr Fields kBox = 15, kIds = 1u << kImage | 1u << kCategory | 1u << kId;

// The bits of a double, or of an int64 for the ids; only those of `seen` hold anything. NaN: an `ignore` that is
// neither a number nor a boolean.
struct Record {
    word_t slot[kFields];
    Fields seen;
    double* points = nullptr;  // room for the numbers of `keypoints`; null: they are skipped
};

// Which fields count, which must be there, and which are not read here. width: how many numbers `keypoints` has.
struct Wanted {
    Fields known, needed, refused;
    index_t width;
};

// Many records, by columns; only those of the known fields hold anything.
class Records {
  public:
    index_t n = 0;
    std::unique_ptr<word_t[]> slot[kFields];  // not initialised
    std::unique_ptr<double[]> points;         // `width` of each
    std::unique_ptr<Fields[]> seen;

    // Room for `more` records behind the n that are there.
    void reserve(index_t more, const Wanted& wanted) {
        if (room_ < n + more) resize(2 * (n + more), wanted);
    }

    // Room for at least so many records.
    void resize(index_t room, const Wanted& wanted) {
        if (room_ >= room) return;
        grow(seen, 1, room);
        for (int f = 0; f < kFields; ++f)
            if (wanted.known >> f & 1) grow(slot[f], 1, room);
        if (wanted.width > 0) grow(points, wanted.width, room);
        room_ = room;
    }

    // Room for the numbers of the next record that is pushed.
    double* next_points(const Wanted& wanted) {
        reserve(1, wanted);
        return points.get() + n * wanted.width;
    }

    void push(const Record& r, const Wanted& wanted) {
        const Fields known = wanted.known;
        reserve(1, wanted);
        for (int f = 0; f < kFields; ++f)
            if (known >> f & 1) slot[f][std::size_t(n)] = r.slot[f];
        seen[std::size_t(n++)] = r.seen;
    }

  private:
    index_t room_ = 0;

    template <class T>
    void grow(std::unique_ptr<T[]>& values, index_t width, index_t room) {
        std::unique_ptr<T[]> more(new T[std::size_t(room * width)]);
        if (n) std::memcpy(more.get(), values.get(), std::size_t(n * width) * sizeof(T));
        values = std::move(more);
    }
};

inline word_t bits_of(double value) {
    word_t bits;
    std::memcpy(&bits, &value, 8);
    return bits;
}

inline Field field_of(const char* key, index_t length) {
    static constexpr struct {
        std::string_view key;
        Field field;
    } known[] = {{"image_id", kImage},
                 {"category_id", kCategory},
                 {"bbox", kX},
                 {"score", kScore},
                 {"area", kArea},
                 {"segmentation", kMask},
                 {"keypoints", kPoints},
                 {"num_keypoints", kLabelled},
                 {"iscrowd", kCrowd},
                 {"id", kId},
                 {"ignore", kIgnore},
                 {"height", kHeight},
                 {"width", kWidth},
                 {"file_name", kName},
                 {"neg_category_ids", kLvisKey},
                 {"not_exhaustive_category_ids", kLvisKey}};
    for (const auto& k : known)
        if (k.key == std::string_view(key, std::size_t(length))) return k.field;
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

inline bool read_known(Scanner& s, Field field, const Wanted& wanted, Record& r, Slots* slots) {
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
    if (field == kMask || field == kName) {
        if (slots) slots->only_numbers = false;
        r.slot[field] = reinterpret_cast<std::uintptr_t>(s.p);
        if (!s.value()) return false;
        r.slot[field + 1] = reinterpret_cast<std::uintptr_t>(s.p);
        r.seen |= 3u << field;
        return true;
    }
    if (field == kPoints) {
        if (slots) slots->only_numbers = false;
        r.seen |= 1u << kPoints;
        return r.points ? read_list(s, r.points, wanted.width) : s.value();
    }
    if (*s.p == '-' || is_digit(*s.p)) return read_field(s, field, r, slots);
    if (slots) slots->only_numbers = false;
    const char first = *s.p;
    const bool is_boolean = first == 't' || first == 'f';
    constexpr Fields any_value = 1u << kIgnore | 1u << kHeight | 1u << kWidth | 1u << kLvisKey;
    if (!(field == kCrowd && is_boolean) && !(field == kArea && first == 'n') && !(any_value >> field & 1))
        return s.fail("expected a number");
    if (!s.value()) return false;
    if (field == kCrowd || field == kIgnore) {
        r.slot[field] = bits_of(is_boolean ? double(first == 't') : std::numeric_limits<double>::quiet_NaN());
        r.seen |= Fields(1) << field;
    }
    if (field == kLvisKey) r.seen |= Fields(1) << field;
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
            if (met & bit & ~(1u << kLvisKey)) return s.fail("a key that stands there twice");
            met |= bit;
            if (!read_known(s, field, wanted, r, slots)) return false;
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

// The text between the numbers, which is the same in nearly all records, learned from the first one: with it a record
// is numbers to cut out and gaps to compare.
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
        n_ = slots.n;
        seen_ = r.seen;
        tail_ = s.p - brace;
        fits = kLittleEndian && set(head_, std::string(p, slots.slot[0].begin));
        for (int i = 0; i < n_; ++i) {
            const auto& slot = slots.slot[i];
            field_[i] = slot.field;
            std::string gap(slot.end, i + 1 < n_ ? slots.slot[i + 1].begin : s.p);
            if (i + 1 == n_) gap.append(p, slots.slot[0].begin);
            fits = fits && set(gap_[i], gap);
        }
    }

    // The bytes of a record with numbers of one character.
    index_t shortest() const {
        index_t length = n_;
        for (int i = 0; i < n_; ++i) length += gap_[i].length;
        return length;
    }

    // Appends the records from p, a '{', on that look like the first one, as long as the '}' before them stands before
    // `limit`. p goes on to where a record may begin; `at`, its place in the file, and `brace`, that of the '}', too.
    void read(const char*& p, index_t& at, index_t& brace, index_t limit, const Wanted& wanted,
              Records& records) const {
        if (head_.differs(p)) return;
        for (index_t found = kBlock; found == kBlock && brace < limit;) {
            Cut cuts[Slots::most];
            const char* begins[kBlock + 1];
            begins[0] = p;
            index_t n = 0;
            do {
                const char* q = begins[n] + head_.length;
                if (!cut_record(q, n, cuts)) break;
                begins[++n] = q - head_.length;
            } while (n < kBlock && at + (begins[n] - p) - tail_ < limit);
            found = convert(cuts, n, wanted, records);
            if (found == 0) return;
            at += begins[found] - p;
            p = begins[found];
            brace = at - tail_;
        }
    }

  private:
    static constexpr int longest = 32;
    struct Literal {
        word_t text[4], mask[4];
        index_t length;
        int n_words;
        word_t firsts;  // its first character, eight times

        word_t differs(const char* p) const {
            word_t found = (load8(p) ^ text[0]) & mask[0];
            for (int i = 1; i < n_words; ++i) found |= (load8(p + 8 * i) ^ text[i]) & mask[i];
            return found;
        }
    };

    static bool set(Literal& literal, const std::string& text) {
        if (text.size() > longest) return false;
        literal = {};
        literal.length = index_t(text.size());
        literal.n_words = int(text.size() + 7) / 8;
        std::memcpy(literal.text, text.data(), text.size());
        std::memset(literal.mask, 0xFF, text.size());
        literal.firsts = text.empty() ? 0 : kBytes * static_cast<unsigned char>(text[0]);
        return true;
    }

    // The numbers of one record, from q, its first one, on; q goes on to the next record's.
    bool cut_record(const char*& q, index_t row, Cut* cuts) const {
        Record long_;
        word_t bad = 0;
        for (int i = 0; i < n_; ++i) {
            const word_t stops = gap_[i].firsts;
            const char* end = cut_number(q, char(stops & 0x7F), stops, cuts[i].text[row], cuts[i].shift[row]);
            if (!end) {
                Scanner s{q};
                if (!read_field(s, field_[i], long_, nullptr)) return false;
                cuts[i].text[row] = long_.slot[field_[i]];
                cuts[i].shift[row] = kIsRead;
                end = s.p;
            }
            bad |= gap_[i].differs(end);
            q = end + gap_[i].length;
        }
        return bad == 0;
    }

    // The first n records of the block join the others, up to one that is bad. Returns how many.
    index_t convert(const Cut* cuts, index_t n, const Wanted& wanted, Records& records) const {
        word_t bad[kBlock] = {}, other[kBlock];
        records.reserve(kBlock, wanted);
        for (int i = 0; i < n_; ++i) {
            const Field field = field_[i];
            word_t* const out = field == kOther ? other : records.slot[field].get() + records.n;
            (Fields(1) << field & kIds ? convert_ids : convert_numbers)(cuts[i], n, out, bad);
        }
        index_t good = 0;
        while (good < n && !bad[good]) records.seen[std::size_t(records.n + good++)] = seen_;
        records.n += good;
        return good;
    }

    int n_ = 0;
    Fields seen_ = 0;
    index_t tail_ = 0;  // from a '}' to the next '{'
    Field field_[Slots::most];
    Literal head_, gap_[Slots::most];
};

}  // namespace pymetrics
