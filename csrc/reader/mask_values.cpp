#include "mask_values.h"

#include <cstring>

#include "json_scan.h"

namespace pymetrics {

namespace {

constexpr double kMostRun = 4294967295.0;  // of 32 bits

// Undoes the escapes of a string in its place; its new end, or null where there is another escape than \\ and \/.
char* unescape(char* begin, char* end) {
    auto next = [end](char* from) {
        const auto found = static_cast<char*>(std::memchr(from, '\\', std::size_t(end - from)));
        return found ? found : end;
    };
    char *to = next(begin), *from = to;
    while (from < end) {
        ++from;  // what the backslash stands before is kept, with all up to the next one
        if (*from != '\\' && *from != '/') return nullptr;
        char* const stop = next(from + 1);
        std::memmove(to, from, std::size_t(stop - from));
        to += stop - from;
        from = stop;
    }
    return to;
}

class MaskScanner {
    char* text_;
    const MaskValues& out_;

  public:
    MaskScanner(char* text, const MaskValues& out) : text_(text), out_(out) {}

    void scan(index_t row) {
        Scanner s{text_ + out_.spans(row, 0)};
        out_.sizes(row, 0) = out_.sizes(row, 1) = 0;
        out_.n_numbers[row] = out_.n_polygons[row] = 0;
        if (!(*s.p == '{' ? runs(s, row) : polygons(s, row))) throw Declined{s.p - text_, s.why};
    }

  private:
    bool polygons(Scanner& s, index_t row) {
        out_.kinds[row] = kPolygons;
        if (!s.take('[', "a segmentation that is neither runs nor polygons")) return false;
        do {
            index_t n = 0;
            auto count = [&](const Number&) {
                ++n;
                return true;
            };
            if (!read_array(s, count)) return false;
            if (n < 6 || n % 2) return s.fail("a polygon of few or of an odd number of numbers");
            out_.n_numbers[row] += n;
            ++out_.n_polygons[row];
            s.space();
        } while (*s.p == ',' && s.take(',', ""));
        return *s.p == ']' || s.fail("expected ']'");
    }

    bool runs(Scanner& s, index_t row) {
        index_t begin = -1, end = -1;
        bool has_size = false;
        if (!s.take('{', "")) return false;
        do {
            const char* const key = s.p + 1;
            if (!s.string()) return false;
            const index_t length = s.p - 1 - key;
            auto is = [&](const char* name) {
                return index_t(std::strlen(name)) == length && std::memcmp(name, key, std::size_t(length)) == 0;
            };
            if (!s.take(':', "expected ':'")) return false;
            if (is("counts")) {
                if (begin >= 0) return s.fail("a key that stands there twice");
                if (!counts(s, row, begin, end)) return false;
            } else if (is("size")) {
                if (has_size) return s.fail("a key that stands there twice");
                has_size = true;
                if (!size(s, row)) return false;
            } else {
                return s.fail("another key in a segmentation");
            }
            s.space();
        } while (*s.p == ',' && s.take(',', ""));
        if (*s.p != '}' || begin < 0 || !has_size) return s.fail("a segmentation without counts or size");
        out_.spans(row, 0) = begin;
        out_.spans(row, 1) = end;
        return true;
    }

    bool size(Scanner& s, index_t row) {
        index_t n = 0;
        auto keep = [&](const Number& number) {
            if (n == 2 || number.kind != Number::kWhole) return s.fail("a size that is not two integers");
            out_.sizes(row, n) = number.whole;
            ++n;
            return true;
        };
        return read_array(s, keep) && (n == 2 || s.fail("a size that is not two integers"));
    }

    bool counts(Scanner& s, index_t row, index_t& begin, index_t& end) {
        begin = s.p - text_;
        if (*s.p == '[') {
            out_.kinds[row] = kRunList;
            auto count = [&](const Number& number) {
                if (number.kind != Number::kWhole || number.whole < 0 || number.value > kMostRun)
                    return s.fail("a run that is none");
                ++out_.n_numbers[row];
                return true;
            };
            if (!read_array(s, count)) return false;
        } else {
            out_.kinds[row] = kCompressed;
            if (!s.string()) return false;
            ++begin;
            const char* const last = unescape(text_ + begin, text_ + (s.p - text_) - 1);
            if (!last) return s.fail("an escape in runs");
            end = last - text_;
            return true;
        }
        end = s.p - text_;
        return true;
    }
};

}  // namespace

void scan_masks(char* text, const MaskValues& values, const Threads& threads) {
    MaskScanner scanner(text, values);
    parallel_for(0, values.kinds.shape[0], 256, threads, [&](Interrupt&) {
        return [&](index_t low, index_t high) mutable {
            for (index_t row = low; row < high; ++row) scanner.scan(row);
        };
    });
}

void read_masks(const char* text, View<const index_t, 2> spans, View<const std::uint8_t, 1> kinds,
                View<const index_t, 1> offsets, View<const index_t, 1> polygon_offsets, View<double, 1> numbers,
                View<index_t, 1> lengths, const Threads& threads) {
    parallel_for(0, kinds.shape[0], 256, threads, [&](Interrupt&) {
        return [&](index_t low, index_t high) {
            for (index_t row = low; row < high; ++row) {
                double *to = numbers.data + offsets[row], *const end = numbers.data + offsets[row + 1];
                auto keep = [&](const Number& number) {
                    if (to == end) return false;
                    *to = number.value;
                    ++to;
                    return true;
                };
                Scanner s{text + spans(row, 0)};
                if (kinds[row] == kRunList) read_array(s, keep);
                if (kinds[row] != kPolygons) continue;
                s.take('[', "");
                for (index_t i = polygon_offsets[row]; i < polygon_offsets[row + 1]; ++i) {
                    const double* const first = to;
                    read_array(s, keep);
                    lengths[i] = to - first;
                    s.space();
                    s.take(',', "");
                }
            }
        };
    });
}

}  // namespace pymetrics
