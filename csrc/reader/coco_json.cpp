#include "coco_json.h"

#include "array_reader.h"

#ifndef _WIN32
#include <unistd.h>

#include <cerrno>
#endif

namespace pymetrics {

void read_file([[maybe_unused]] int file, index_t begin, [[maybe_unused]] index_t size, [[maybe_unused]] char* out) {
#ifdef _WIN32
    throw Declined{begin, "files are not read here on Windows"};
#else
    while (size > 0) {
        const auto n = pread(file, out, std::size_t(size), begin);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) throw Declined{begin, n < 0 ? "the file cannot be read" : "the file became shorter"};
        out += n;
        begin += n;
        size -= n;
    }
#endif
}

constexpr const char* kSections[] = {"images", "annotations", "categories"};
constexpr Fields kIdsOfRow = 1u << kImage | 1u << kCategory;

namespace {

// What is compared, which every record must have.
Fields compared(const RecordColumns& out) {
    if (out.points) return 1u << kPoints;
    return out.masks ? 1u << kMask | 1u << kMaskEnd : kBox;
}

}  // namespace

index_t read_results(const Source& source, index_t chunk, const Threads& threads, const RecordColumns& out) {
    constexpr Fields numbers = kIdsOfRow | 1u << kScore;
    const Fields needed = numbers | compared(out), known = needed | kBox;
    const Fields refused = out.points ? 1u << kMask : 0;
    Window window(source);
    index_t at = 0;
    auto skip_space = [&] {  // to the next character that is none, or to the end
        do {
            window.open(at, at + 4096);
            Scanner s{window.data()};
            s.space();
            at = window.at(s.p);
        } while (at < source.size && window.cuts(window.of(at)));
    };
    skip_space();
    ArrayReader reader(source, {known, needed, refused, out.width}, chunk, out);
    at = reader.read(at, threads);
    if (at < 0) return 0;
    ++at;
    skip_space();
    if (at < source.size) throw Declined{at, "text behind the end"};
    return reader.n_rows();
}

GroundTruthCounts read_ground_truth(const Source& source, index_t chunk, const Threads& threads,
                                    const RecordColumns& images, const RecordColumns& out) {
    GroundTruthCounts counts;
    Scanner s{source.text};
    auto require = [&](bool ok) {
        if (!ok) throw Declined{s.p - source.text, s.why};
    };
    auto array = [&](const Wanted& wanted, const RecordColumns& columns) {
        ArrayReader reader(source, wanted, chunk, columns);
        const index_t end = reader.read(s.p - source.text, threads);
        if (end >= 0) s.p = source.text + end + 1;
        return end < 0 ? index_t(-1) : reader.n_rows();
    };
    constexpr Fields id = 1u << kId;
    bool met[3] = {};
    require(s.take('{', "expected an object"));
    do {
        const char* const key = s.p + 1;
        require(s.string());
        const char* const key_end = s.p - 1;
        const std::string name(key, key_end);
        require(name.find('\\') == std::string::npos || s.fail("a key with escapes"));
        require(s.take(':', "expected ':'"));
        int which = 0;
        while (which < 3 && name != kSections[which]) ++which;
        if (which < 3) {
            require((!met[which] || s.fail("a key that stands there twice")) && (*s.p == '[' || s.fail("not a list")));
            met[which] = true;
        }
        const char* const begin = s.p;
        if (which == 0) {
            const Fields names = images.names ? 1u << kName | 1u << kNameEnd : 0;
            counts.images = array({id | 1u << kHeight | 1u << kWidth | 1u << kLvisKey | names, id, 0, 0}, images);
        } else if (which == 1) {
            constexpr Fields optional = id | 1u << kArea | 1u << kCrowd | 1u << kIgnore;
            const Fields needed = kIdsOfRow | compared(out), more = out.labelled ? kBox | 1u << kLabelled : 0;
            counts.rows = array({needed | optional | more, needed, 1u << kScore, out.width}, out);
        } else {
            require(s.value());
            if (which == 2) {
                counts.categories_begin = begin - source.text;
                counts.categories_end = s.p - source.text;
            }
        }
        if (counts.images < 0 || counts.rows < 0) return counts;  // asked to stop
        counts.sections.push_back({key - source.text, key_end - source.text, begin - source.text, s.p - source.text});
        s.space();
    } while (*s.p == ',' && s.take(',', ""));
    require(s.take('}', "expected ',' or '}'"));
    require((s.p == source.text + source.size || s.fail("text behind the end")) &&
            ((met[0] && met[1] && met[2]) || s.fail("no images, annotations or categories")));
    return counts;
}

}  // namespace pymetrics
