#pragma once
// What must hold of the reader of COCO JSON for any bytes at all: it reads text and file alike, in chunks of any size,
// by any number of threads. (That what it reads is right, the tests in Python see to.)
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "reader/coco_json.h"

namespace pymetrics {

// A list of results or a data set, with boxes or with keypoints.
struct Kind {
    bool is_data_set, of_keypoints;
};

// How a document is cut, and by how many threads it is read.
struct Way {
    index_t chunk;
    int threads;
};

// The rows that were read, or none.
struct Rows {
    static constexpr std::size_t room = 80;
    static constexpr std::size_t width = 6;  // of two keypoints
    bool is_read = false;
    Kind kind;
    index_t stopped = 0;  // where, if they were not read
    GroundTruthCounts n;
    std::vector<index_t> image, category, id, images, image_names;
    std::vector<double> boxes, scores, areas, image_sizes, labelled, points;
    std::vector<std::uint8_t> flags, image_flags;

    Rows(const Source& source, const Kind& kind, const Way& way)
        : kind(kind),
          image(room),
          category(room),
          id(room),
          images(room),
          image_names(2 * room),
          boxes(4 * room),
          scores(room),
          areas(room),
          image_sizes(2 * room),
          labelled(room),
          points(room * width),
          flags(room),
          image_flags(room) {
        RecordColumns out{}, out_images{};
        out.room = out_images.room = index_t(room);
        out.image = image.data(), out.category = category.data(), out.boxes = boxes.data();
        out_images.id = images.data();
        out_images.names = image_names.data();
        out_images.sizes = image_sizes.data(), out_images.flags = image_flags.data();
        if (kind.is_data_set) out.id = id.data(), out.areas = areas.data(), out.flags = flags.data();
        else out.scores = scores.data();
        if (kind.of_keypoints) {
            out.points = points.data();
            out.width = index_t(width);
            if (kind.is_data_set) out.labelled = labelled.data();
        }
        const Threads threads{way.threads, nullptr};
        try {
            if (kind.is_data_set) n = read_ground_truth(source, way.chunk, threads, out_images, out);
            else n.rows = read_results(source, way.chunk, threads, out);
            is_read = true;
        } catch (const Declined& unread) {
            stopped = unread.at;
        }
    }

    bool operator==(const Rows& other) const {
        if (is_read != other.is_read) return false;
        if (!is_read) return true;
        if (n.rows != other.n.rows || n.images != other.n.images || n.categories_begin != other.n.categories_begin ||
            n.categories_end != other.n.categories_end || n.sections.size() != other.n.sections.size())
            return false;
        const auto rows = std::size_t(n.rows);
        auto same = [](const auto& a, const auto& b, std::size_t n) {
            return n == 0 || std::memcmp(a.data(), b.data(), n * sizeof a[0]) == 0;
        };
        if (!same(image, other.image, rows) || !same(category, other.category, rows) ||
            !same(points, other.points, rows * width) || !same(labelled, other.labelled, rows) ||
            !same(boxes, other.boxes, 4 * rows) || !same(scores, other.scores, rows) ||
            !same(flags, other.flags, rows) || !same(images, other.images, std::size_t(n.images)) ||
            !same(image_names, other.image_names, 2 * std::size_t(n.images)) ||
            !same(image_sizes, other.image_sizes, 2 * std::size_t(n.images)) ||
            !same(image_flags, other.image_flags, std::size_t(n.images)))
            return false;
        for (std::size_t i = 0; i < rows; ++i) {  // where a record has none, anything may stand
            if (flags[i] & kHasArea && std::memcmp(&areas[i], &other.areas[i], 8) != 0) return false;
            if (flags[i] & kHasId && id[i] != other.id[i]) return false;
        }
        return true;
    }
};

// Reads a document in two ways, the second one from `file` if it is one of results. Returns what is wrong,
// or nothing; is_read: whether it was read.
inline const char* check(const std::string& document, const Kind& kind, const Way& first, const Way& second,
                         std::FILE* file, bool& is_read) {
    std::vector<char> text(document.size() + std::size_t(kPad));  // no byte more, so that a sanitizer sees the end
    std::memcpy(text.data(), document.data(), document.size());
    const index_t size = index_t(document.size());
    const Source of_text{text.data(), -1, size};
    const Rows one(of_text, kind, first);
    is_read = one.is_read;
    if (!kind.is_data_set) {
        std::rewind(file);
        if (std::fwrite(document.data(), 1, document.size(), file) != document.size() || std::fflush(file) != 0)
            return "the file cannot be written";
    }
    std::vector<char> copy(document.size());
    const Rows two(kind.is_data_set ? of_text : Source{nullptr, fileno(file), size, copy.data()}, kind, second);
    if (!kind.is_data_set && two.is_read && std::memcmp(copy.data(), document.data(), document.size()) != 0)
        return "copied otherwise";
    for (const Rows* rows : {&one, &two})
        if (rows->stopped < 0 || rows->stopped > size) return "an error that is not in the document";
    return one == two ? nullptr : "read in two ways, with two results";
}

}  // namespace pymetrics
