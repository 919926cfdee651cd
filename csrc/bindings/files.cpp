// Readers of files for Python. What they do not take comes back as (where, why) in place of a result: nothing is an
// error here, for the standard library's reader may take it.
#include <limits>
#include <memory>

#include "../reader/coco_json.h"
#include "../reader/decimal.h"
#include "../reader/json_scan.h"
#include "../reader/mask_values.h"
#include "readers.h"

namespace pymetrics::bindings {
namespace {

// All of a file, on all threads.
void read_whole(int file, index_t size, char* out, const Threads& threads) {
    const index_t piece = 1 << 20;
    parallel_for(0, (size + piece - 1) / piece, 1, threads, [&](Interrupt&) {
        return
            [&](index_t i, index_t) { read_file(file, i * piece, std::min(piece, size - i * piece), out + i * piece); };
    });
}

// The kPad bytes behind a text of `size`.
template <class Byte>
void require_padding(View<Byte, 1> text, index_t size) {
    require(size >= 0 && std::all_of(text.data + size, text.data + size + kPad, [](auto byte) { return byte == 0; }),
            "text: expected zero bytes behind it");
}

// A file's number; bytes, which are copied; or text with kPad zero bytes behind, in an array. `size`: of the text.
class InputText {
  public:
    InputText(obj source, index_t size) {
        if (py::isinstance<py::array>(source)) {
            const auto text = view<const std::uint8_t, 1>(source, "text");
            require(size >= 0 && text.shape[0] == size + kPad, "text: expected ", size, " + ", kPad, " bytes");
            require_padding(text, size);
            source_ = {reinterpret_cast<const char*>(text.data), -1, size, nullptr};
            return;
        }
        if (!py::isinstance<py::bytes>(source)) {
            require(size >= 0, "size: expected 0 or more, got ", size);
            source_ = {nullptr, source.cast<int>(), size, nullptr};
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
        const index_t size = source_.size;
        allocate(size);
        read_whole(file, size, text_.get(), threads);
    }

    // The file is also copied to text, an array of kPad bytes more.
    void copy_to(obj text) {
        const auto out = view<std::uint8_t, 1>(text, "text");
        require(!source_.text, "text: expected an open file to copy");
        require(out.shape[0] == source_.size + kPad, "text: expected ", source_.size, " + ", kPad, " bytes");
        std::memset(out.data + source_.size, 0, std::size_t(kPad));
        source_.copy = reinterpret_cast<char*>(out.data);
    }

    const Source& source() const { return source_; }

  private:
    std::unique_ptr<char[]> text_;
    Source source_;

    void allocate(index_t size) {
        text_.reset(new char[std::size_t(size + kPad)]);
        std::memset(text_.get() + size, 0, std::size_t(kPad));
        source_ = {text_.get(), -1, size, nullptr};
    }
};

template <class T>
T* column(obj array, const char* name, index_t& room) {
    const auto out = view<T, 1>(array, name);
    room = std::min(room, out.shape[0]);
    return out.data;
}

template <class T>
T* row_column(obj array, const char* name, index_t n_columns, index_t& room) {
    const auto rows = view<T, 2>(array, name);
    require(rows.shape[1] == n_columns, name, ": expected ", n_columns, " columns");
    room = std::min(room, rows.shape[0]);
    return rows.data;
}

// points: None, or float64 (N, width).
void take_points(obj points, RecordColumns& out) {
    if (points.is_none()) return;
    const auto rows = view<double, 2>(points, "points");
    require(rows.shape[1] > 0, "points: expected at least 1 column");
    out.points = rows.data;
    out.width = rows.shape[1];
    out.room = std::min(out.room, rows.shape[0]);
}

constexpr index_t kAnyRoom = std::numeric_limits<index_t>::max();

// Of a list of objects, valid JSON, dicts of their `id` and `name`; None where one is no short integer, or no string
// without escapes. (Importing json takes as long as reading these files of some MB.)
py::object ids_and_names(Scanner s) {
    py::list found;
    s.take('[', "");
    for (; *s.p == '{'; s.take(',', "")) {
        py::dict item;
        s.take('{', "");
        for (; *s.p == '"'; s.take(',', "")) {
            const char* begin = s.p + 1;
            s.string();
            const std::string_view key(begin, std::size_t(s.p - 1 - begin));
            if (key.find('\\') != key.npos) return py::none();
            s.take(':', "");
            begin = s.p;
            s.value();
            std::string_view value(begin, std::size_t(s.p - begin));
            if (key == "id") {
                if (value.size() > 18 || value.find_first_not_of("0123456789") != value.npos) return py::none();
                item["id"] = py::int_(std::stoll(std::string(value)));
            } else if (key == "name") {
                if (*begin != '"' || value.find('\\') != value.npos) return py::none();
                item["name"] = py::str(value.data() + 1, value.size() - 2);
            }
        }
        s.take('}', "");
        found.append(item);
    }
    return *s.p == ']' ? py::object(found) : py::none();
}

// A list in JSON of the values at these places of the text, null where a place is empty.
py::bytes listed(const char* text, const index_t* places, index_t n) {
    std::string out = "[";
    for (index_t i = 0; i < n; ++i) {
        if (i > 0) out += ',';
        const index_t begin = places[2 * i], end = places[2 * i + 1];
        if (begin < end) out.append(text + begin, std::size_t(end - begin));
        else out += "null";
    }
    return py::bytes(out + ']');
}

template <class Call>
py::object caught(Call call) {
    try {
        return call();
    } catch (const Declined& declined) {
        return py::make_tuple(declined.at, declined.why);
    }
}

}  // namespace

py::object read_text(int file, obj text, index_t n_threads) {
    const auto out = view<std::uint8_t, 1>(text, "text");
    require(out.shape[0] >= kPad, "text: expected ", kPad, " bytes or more");
    const index_t size = out.shape[0] - kPad;
    std::memset(out.data + size, 0, std::size_t(kPad));
    return caught([&]() -> py::object {
        run(n_threads,
            [&](const Threads& threads) { read_whole(file, size, reinterpret_cast<char*>(out.data), threads); });
        return py::none();
    });
}

py::object read_results(obj file, index_t size, index_t chunk, obj image, obj category, obj boxes, obj scores,
                        index_t n_threads, obj text, obj masks, obj points) {
    require(chunk > 0, "chunk: expected at least 1, got ", chunk);
    InputText input(file, size);
    if (!text.is_none()) input.copy_to(text);
    RecordColumns out{};
    out.room = kAnyRoom;
    out.image = column<index_t>(image, "image", out.room);
    out.category = column<index_t>(category, "category", out.room);
    out.boxes = row_column<double>(boxes, "boxes", 4, out.room);
    out.scores = column<double>(scores, "scores", out.room);
    if (!masks.is_none()) out.masks = row_column<index_t>(masks, "masks", 2, out.room);
    require(!out.masks || input.source().text, "masks: expected text, not an open file");
    take_points(points, out);
    return caught([&]() -> py::object {
        index_t n = 0;
        run(n_threads,
            [&](const Threads& threads) { n = pymetrics::read_results(input.source(), chunk, threads, out); });
        return py::int_(n);
    });
}

py::object read_ground_truth(obj file, index_t size, index_t chunk, obj images, obj image_sizes, obj image_names,
                             obj image_flags, obj image, obj category, obj boxes, obj area, obj ids, obj flags,
                             index_t n_threads, obj masks, obj points, obj labelled) {
    require(chunk > 0, "chunk: expected at least 1, got ", chunk);
    InputText input(file, size);
    RecordColumns out{}, out_images{};
    out.room = out_images.room = kAnyRoom;
    out_images.id = column<index_t>(images, "images", out_images.room);
    out_images.sizes = row_column<double>(image_sizes, "image_sizes", 2, out_images.room);
    out_images.names = row_column<index_t>(image_names, "image_names", 2, out_images.room);
    out_images.flags = column<std::uint8_t>(image_flags, "image_flags", out_images.room);
    out.image = column<index_t>(image, "image", out.room);
    out.category = column<index_t>(category, "category", out.room);
    if (masks.is_none()) out.boxes = row_column<double>(boxes, "boxes", 4, out.room);
    else out.masks = row_column<index_t>(masks, "masks", 2, out.room);
    take_points(points, out);
    if (!labelled.is_none()) out.labelled = column<double>(labelled, "labelled", out.room);
    out.areas = column<double>(area, "area", out.room);
    out.id = column<index_t>(ids, "ids", out.room);
    out.flags = column<std::uint8_t>(flags, "flags", out.room);
    return caught([&]() -> py::object {
        GroundTruthCounts n;
        run(n_threads, [&](const Threads& threads) {
            input.read(threads);
            n = pymetrics::read_ground_truth(input.source(), chunk, threads, out_images, out);
        });
        const char* const text = input.source().text;
        py::object categories = ids_and_names(Scanner{text + n.categories_begin});
        if (categories.is_none())
            categories = py::bytes(text + n.categories_begin, std::size_t(n.categories_end - n.categories_begin));
        py::list sections;
        for (const Section& section : n.sections)
            sections.append(py::make_tuple(py::str(text + section.key_begin, section.key_end - section.key_begin),
                                           section.begin, section.end));
        return py::make_tuple(n.images, n.rows, categories, sections, listed(text, out_images.names, n.images));
    });
}

namespace {

// Text of kPad zero bytes more, and places in it.
template <class Spans>
void require_spans(View<std::uint8_t, 1> text, const Spans& spans) {
    const index_t size = text.shape[0] - kPad;
    require_padding(text, size);
    require(spans.shape[1] == 2, "spans: expected 2 columns");
    bool within = true;
    for (index_t i = 0; i < spans.shape[0]; ++i)
        within &= 0 <= spans(i, 0) && spans(i, 0) <= spans(i, 1) && spans(i, 1) <= size;
    require(within, "spans: expected places in the text");
}

}  // namespace

py::object scan_masks(obj text, obj spans, obj kinds, obj sizes, obj n_numbers, obj n_polygons, index_t n_threads) {
    const auto bytes = view<std::uint8_t, 1>(text, "text");
    const MaskValues out = {view<index_t, 2>(spans, "spans"), view<std::uint8_t, 1>(kinds, "kinds"),
                            view<index_t, 2>(sizes, "sizes"), view<index_t, 1>(n_numbers, "n_numbers"),
                            view<index_t, 1>(n_polygons, "n_polygons")};
    require_spans(bytes, out.spans);
    const index_t n = out.spans.shape[0];
    require_length(out.kinds.shape[0], n, "kinds");
    require_length(out.n_numbers.shape[0], n, "n_numbers");
    require_length(out.n_polygons.shape[0], n, "n_polygons");
    require(out.sizes.shape[0] == n && out.sizes.shape[1] == 2, "sizes: expected 2 columns for each row");
    return caught([&]() -> py::object {
        run(n_threads,
            [&](const Threads& threads) { pymetrics::scan_masks(reinterpret_cast<char*>(bytes.data), out, threads); });
        return py::none();
    });
}

void read_masks(obj text, obj spans, obj kinds, obj offsets, obj polygon_offsets, obj numbers, obj lengths,
                index_t n_threads) {
    const auto bytes = view<std::uint8_t, 1>(text, "text");
    const auto places = view<const index_t, 2>(spans, "spans");
    const auto kind = view<const std::uint8_t, 1>(kinds, "kinds");
    const auto number_ends = view<const index_t, 1>(offsets, "offsets");
    const auto polygon_ends = view<const index_t, 1>(polygon_offsets, "polygon_offsets");
    const auto values = view<double, 1>(numbers, "numbers");
    const auto n_values = view<index_t, 1>(lengths, "lengths");
    require_spans(bytes, places);
    const index_t n = places.shape[0];
    require_length(kind.shape[0], n, "kinds");
    require_length(number_ends.shape[0], n + 1, "offsets");
    require_length(polygon_ends.shape[0], n + 1, "polygon_offsets");
    require_offsets(number_ends, values.shape[0], "offsets");
    require_offsets(polygon_ends, n_values.shape[0], "polygon_offsets");
    run(n_threads, [&](const Threads& threads) {
        pymetrics::read_masks(reinterpret_cast<const char*>(bytes.data), places, kind, number_ends, polygon_ends,
                              values, n_values, threads);
    });
}

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

}  // namespace pymetrics::bindings
