// Damaged COCO JSON for the reader, at random, under sanitizers: make fuzz. Arguments: seconds, seed.
#include <chrono>
#include <cstdlib>
#include <random>

#include "reader.h"

using namespace pymetrics;

namespace {

std::mt19937_64 rng;

std::size_t below(std::size_t n) { return rng() % n; }

const std::string kResult =
    R"({"image_id": 42, "category_id": 18, "bbox": [258.15, 41.29, 348.26, 243.78], "score": 0.236})";
const std::string kNested =
    R"({"image_id": 4, "category_id": 1, "x": {"y": [1, {"z": "}, {"}]}, "bbox": [0, 1.5, -2e1, 3], "score": -0.5})";
const std::string kAnnotation =
    R"({"id": 7, "image_id": 1, "category_id": 3, "bbox": [0.5, 1, 2.25, -3], "area": 8.5, "iscrowd": 0, "ignore": 1, "x": "é\u00e9"})";
const std::string kPose =
    R"({"image_id": 42, "category_id": 1, "keypoints": [258.15, 41, 2, 3e1, -0.5, 1], "score": 0.236})";
const std::string kPerson =
    R"({"id": 7, "image_id": 1, "category_id": 3, "bbox": [0.5, 1, 2.25, -3], "area": 8.5, "iscrowd": 0, "num_keypoints": 2, "keypoints": [1,2,2,3,4,0]})";
const std::string kOther = R"({"image_id": 1, "category_id": 3, "keypoints": [ 0, 0.0 ,1, 3,4 ,2 ], "area": null})";
const std::string kSeeds[] = {
    "[" + kResult + ", " + kResult + "," + kResult + ", " + kResult + "]",
    "[" + kResult + ",\n" + kNested + " , " + kNested + "," + kResult + "]",
    R"({"images": [{"id": 1, "height": 9}, {"f": "a", "id": 2, "neg_category_ids": [1]}], "annotations": [)" +
        kAnnotation + ", " + kAnnotation + "," + kAnnotation +
        R"(], "categories": [{"id": 3, "name": "cat"}], "info": null})",
    "[" + kPose + ", " + kPose + " , " + kPose + "]",
    R"({"images": [{"id": 1}], "annotations": [)" + kPerson + "," + kOther + ", " + kPerson +
        R"(], "categories": [{"id": 3}]})"};
constexpr Kind kKinds[] = {{false, false}, {false, false}, {true, false}, {false, true}, {true, true}};
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

Way any_way() { return {1 + index_t(below(300)), below(8) ? 1 : 3}; }

}  // namespace

int main(int n_arguments, char** arguments) {
    const auto seconds = std::chrono::seconds(n_arguments > 1 ? std::atoi(arguments[1]) : 10);
    rng.seed(n_arguments > 2 ? std::uint64_t(std::atoi(arguments[2])) : 1);
    std::FILE* const file = std::tmpfile();
    if (!file) return 2;
    long n_runs = 0, n_read = 0;
    for (const auto start = std::chrono::steady_clock::now(); std::chrono::steady_clock::now() - start < seconds;
         ++n_runs) {
        const std::size_t which = below(sizeof kKinds / sizeof *kKinds);
        std::string text = kSeeds[which];
        for (std::size_t i = 1 + below(4); i-- > 0;) damage(text);
        bool is_read = false;
        if (const char* const wrong = check(text, kKinds[which], any_way(), any_way(), file, is_read)) {
            std::printf("%s:\n%s\n", wrong, text.c_str());
            return 1;
        }
        n_read += is_read;
    }
    std::printf("%ld documents, %ld read\n", n_runs, n_read);
}
