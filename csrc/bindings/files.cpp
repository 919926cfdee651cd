// Readers of files for Python. What they do not take comes back as (where, why) in place of a result: nothing is an
// error here, for the standard library's reader may take it.
#include "files.h"

#include <limits>
#include <memory>

#include "../coco_json.h"
#include "../decimal.h"

namespace pymetrics::bindings {
namespace {

using obj = const py::object&;

// A file's number, or bytes. `size`: of the file.
class Opened {
  public:
    Opened(obj source, index_t size) {
        if (!py::isinstance<py::bytes>(source)) {
            require(size >= 0, "size: expected 0 or more, got ", size);
            source_ = {nullptr, source.cast<int>(), size};
            return;
        }
        const auto bytes = source.cast<std::string_view>();
        allocate(index_t(bytes.size()));
        std::memcpy(text_.get(), bytes.data(), bytes.size());
    }

    // All of a file, in memory.
    void read(const Threads& threads) {
        if (source_.text) return;
        const int file = source_.file;
        const index_t size = source_.size, piece = 1 << 20;
        allocate(size);
        parallel_for(0, (size + piece - 1) / piece, 1, threads, [&] {
            return [&](index_t i, index_t) {
                read_file(file, i * piece, std::min(piece, size - i * piece), text_.get() + i * piece);
            };
        });
    }

    const Source& source() const { return source_; }

  private:
    std::unique_ptr<char[]> text_;
    Source source_;

    void allocate(index_t size) {
        text_.reset(new char[std::size_t(size + kPad)]);
        std::memset(text_.get() + size, 0, std::size_t(kPad));
        source_ = {text_.get(), -1, size};
    }
};

template <class T>
T* column(obj array, const char* name, index_t& room) {
    const auto out = view<T, 1>(array, name);
    room = std::min(room, out.shape[0]);
    return out.data;
}

double* box_column(obj array, index_t& room) {
    const auto boxes = view<double, 2>(array, "boxes");
    require(boxes.shape[1] == 4, "boxes: expected 4 columns");
    room = std::min(room, boxes.shape[0]);
    return boxes.data;
}

constexpr index_t kAnyRoom = std::numeric_limits<index_t>::max();

template <class Call>
py::object caught(Call call) {
    try {
        return call();
    } catch (const Unread& unread) {
        return py::make_tuple(unread.at, unread.why);
    }
}

// -> the number of rows, or (where, why).
py::object read_results(obj file, index_t size, index_t chunk, obj image, obj category, obj boxes, obj scores,
                        int n_threads) {
    require(chunk > 0, "chunk: expected at least 1, got ", chunk);
    Opened opened(file, size);
    RecordColumns out{};
    out.room = kAnyRoom;
    out.image = column<index_t>(image, "image", out.room);
    out.category = column<index_t>(category, "category", out.room);
    out.boxes = box_column(boxes, out.room);
    out.scores = column<double>(scores, "scores", out.room);
    return caught([&]() -> py::object {
        index_t n = 0;
        run(n_threads,
            [&](const Threads& threads) { n = pymetrics::read_results(opened.source(), chunk, threads, out); });
        return py::int_(n);
    });
}

// -> the numbers of images and of rows and the text of the categories; or (where, why).
py::object read_ground_truth(obj file, index_t size, index_t chunk, obj images, obj image, obj category, obj boxes,
                             obj area, obj ids, obj flags, int n_threads) {
    require(chunk > 0, "chunk: expected at least 1, got ", chunk);
    Opened opened(file, size);
    RecordColumns out{}, out_images{};
    out.room = out_images.room = kAnyRoom;
    out_images.id = column<index_t>(images, "images", out_images.room);
    out.image = column<index_t>(image, "image", out.room);
    out.category = column<index_t>(category, "category", out.room);
    out.boxes = box_column(boxes, out.room);
    out.areas = column<double>(area, "area", out.room);
    out.id = column<index_t>(ids, "ids", out.room);
    out.flags = column<std::uint8_t>(flags, "flags", out.room);
    return caught([&]() -> py::object {
        GroundTruthCounts n;
        run(n_threads, [&](const Threads& threads) {
            opened.read(threads);
            n = pymetrics::read_ground_truth(opened.source(), chunk, threads, out_images, out);
        });
        const char* const text = opened.source().text;
        const py::bytes categories(text + n.categories_begin, std::size_t(n.categories_end - n.categories_begin));
        return py::make_tuple(n.images, n.rows, categories);
    });
}

// The double nearest to a JSON number, or None. way: 0 as the readers do, 1 std::from_chars or what stands for it,
// 2 what stands for it.
py::object read_number(const std::string& text, int way) {
    const std::string padded = text + std::string(std::size_t(kPad), '\0');
    const char *p = padded.data(), *const end = p + text.size();
    Number number{};
    const bool ok = way == 0   ? pymetrics::read_number(p, number) && p == end
                    : way == 1 ? nearest(p, end, number.value)
                               : nearest_by_stream(p, end, number.value);
    if (!ok) return py::none();
    return py::float_(number.value);
}

}  // namespace

void bind_files(py::module_& m) {
    m.def("read_results", &read_results);
    m.def("read_ground_truth", &read_ground_truth);
    m.def("read_number", &read_number);
}

}  // namespace pymetrics::bindings
