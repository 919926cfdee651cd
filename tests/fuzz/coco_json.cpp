// Damaged COCO JSON for the reader, at random: text and file must be read alike, and no sanitizer may speak.
//
//   g++ -std=c++17 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -pthread -Icsrc -o fuzz
//     tests/fuzz/coco_json.cpp csrc/coco_json.cpp && ./fuzz 60 1        (seconds, seed; POSIX)
#include "coco_json.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>

using namespace pymetrics;

namespace {

std::mt19937_64 rng;

std::size_t below(std::size_t n) { return rng() % n; }

const std::string kResult =
    R"({"image_id": 42, "category_id": 18, "bbox": [258.15, 41.29, 348.26, 243.78], "score": 0.236})";
const std::string kNested =
    R"({"image_id": 4, "category_id": 1, "x": {"y": [1, {"z": "}, {"}]}, "bbox": [0, 1.5, -2e1, 3], "score": -0.5})";
const std::string kAnnotation =
    R"({"id": 7, "image_id": 1, "category_id": 3, "bbox": [0.5, 1, 2.25, -3], "area": 8.5, "iscrowd": 0, "x": "é\u00e9"})";
const std::string kSeeds[] = {"[" + kResult + ", " + kResult + "," + kResult + ", " + kResult + "]",
                              "[" + kResult + ",\n" + kNested + " , " + kNested + "," + kResult + "]",
                              R"({"images": [{"id": 1}, {"f": "a", "id": 2}], "annotations": [)" + kAnnotation + ", " +
                                  kAnnotation + "," + kAnnotation +
                                  R"(], "categories": [{"id": 3, "name": "cat"}], "info": null})"};
const char* const kPieces[] = {"}, {",
                               "]",
                               "[",
                               "{",
                               "}",
                               ",",
                               ":",
                               "\"",
                               "\\",
                               "\\u",
                               "0",
                               "1e999",
                               "-",
                               "-0.0",
                               ".",
                               "12345678",
                               "true",
                               "null",
                               "NaN",
                               "\xe2\x82\xac",
                               "\xff",
                               "\"score\"",
                               "1e-5",
                               "123456789.",
                               "\n",
                               "\"id\":",
                               "9.999999",
                               "0.12345678901234567",
                               "1234567890123456789"};

void damage(std::string& text) {
    const std::size_t at = below(text.size() + 1), length = below(3) ? below(4) : below(60);
    switch (below(5)) {
        case 0:
            text.erase(at, length);
            break;
        case 1:
            text.insert(at, kPieces[below(sizeof kPieces / sizeof *kPieces)]);
            break;
        case 2:
            text.insert(at, 1, char(rng()));
            break;
        case 3:
            text.insert(at, text.substr(below(text.size() + 1), length));
            break;
        default:
            text.insert(at, below(2000), " 90\t"[below(4)]);
    }
}

// The rows that were read, or none.
struct Read {
    bool is_read = false;
    std::vector<index_t> image, category, id, images;
    std::vector<double> boxes, scores, areas;
    std::vector<std::uint8_t> flags;

    Read(const Source& source, bool is_data_set) {
        constexpr std::size_t room = 60;
        for (auto* column : {&image, &category, &id, &images}) column->resize(room);
        boxes.resize(4 * room), scores.resize(room), areas.resize(room), flags.resize(room);
        const RecordColumns out{image.data(),  category.data(), id.data(),    boxes.data(),
                                scores.data(), areas.data(),    flags.data(), index_t(room)};
        RecordColumns out_images{};
        out_images.id = images.data(), out_images.room = index_t(room);
        const Threads threads{below(8) ? 1 : 3, nullptr};
        const index_t chunk = 1 + index_t(below(300));
        try {
            const index_t n = is_data_set ? read_ground_truth(source, chunk, threads, out_images, out).rows
                                          : read_results(source, chunk, threads, out);
            is_read = true, boxes.resize(4 * std::size_t(n)), scores.resize(std::size_t(n));
        } catch (const Unread&) {
            scores.clear();
        }
    }
};

}  // namespace

int main(int n_arguments, char** arguments) {
    const auto seconds = std::chrono::seconds(n_arguments > 1 ? std::atoi(arguments[1]) : 10);
    rng.seed(n_arguments > 2 ? std::uint64_t(std::atoi(arguments[2])) : 1);
    std::FILE* const file = std::tmpfile();
    if (!file) return 2;
    long n_runs = 0, n_read = 0;
    for (const auto start = std::chrono::steady_clock::now(); std::chrono::steady_clock::now() - start < seconds;
         ++n_runs) {
        const std::size_t which = below(3);
        std::string text = kSeeds[which];
        for (std::size_t i = 1 + below(4); i-- > 0;) damage(text);
        std::vector<char> padded(text.begin(), text.end());
        padded.resize(text.size() + std::size_t(kPad));
        padded.shrink_to_fit();
        const Read of_text({padded.data(), -1, index_t(text.size())}, which == 2);
        n_read += of_text.is_read;
        if (which == 2 || below(2)) continue;
        std::rewind(file);
        if (std::fwrite(text.data(), 1, text.size(), file) != text.size() || std::fflush(file) != 0) return 2;
        std::vector<char> copy(text.size());
        const Read of_file({nullptr, fileno(file), index_t(text.size()), copy.data()}, false);
        const std::size_t n = of_text.scores.size();
        if ((of_file.is_read && std::memcmp(copy.data(), text.data(), text.size()) != 0) ||
            of_text.is_read != of_file.is_read || n != of_file.scores.size() ||
            std::memcmp(of_text.scores.data(), of_file.scores.data(), 8 * n) != 0 ||
            std::memcmp(of_text.boxes.data(), of_file.boxes.data(), 32 * n) != 0) {
            std::printf("text and file differ:\n%s\n", text.c_str());
            return 1;
        }
    }
    std::printf("%ld documents, %ld read\n", n_runs, n_read);
}
