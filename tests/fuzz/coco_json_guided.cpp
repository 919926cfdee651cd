// The reader of COCO JSON for libFuzzer, which looks for bytes that reach new code: make libfuzzer. Each input is a
// document, read as results and as a data set, with boxes and with keypoints; how it is cut follows from its bytes, so
// that an input tells all.
#include <cstdlib>

#include "reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace pymetrics;
    static std::FILE* const file = std::tmpfile();
    const std::string document(reinterpret_cast<const char*>(data), size);
    word_t hash = 14695981039346656037u;
    for (std::size_t i = 0; i < size; ++i) hash = (hash ^ data[i]) * 1099511628211u;
    const Way first{1 + index_t(hash >> 8 & 0xFF), hash >> 60 ? 1 : 3}, second{1 + index_t(hash >> 16 & 0x3FF), 1};
    for (const Kind kind : {Kind{false, false}, Kind{true, false}, Kind{false, true}, Kind{true, true}}) {
        bool is_read = false;
        if (const char* const wrong = file ? check(document, kind, first, second, file, is_read) : "no file") {
            std::printf("%s: chunks of %lld and %lld bytes\n", wrong, static_cast<long long>(first.chunk),
                        static_cast<long long>(second.chunk));
            std::abort();
        }
    }
    return 0;
}
