#pragma once
// COCO JSON to columns. Reads regular COCO files. For anything else it throws Declined, and the caller uses Python's
// json.
#include <string>
#include <vector>

#include "../common.h"
#include "../parallel.h"

namespace pymetrics {

// What was not read, and where: damaged JSON, or values of other kinds.
struct Declined {
    index_t at;
    std::string why;
};

constexpr index_t kPad = 1024;  // zero bytes behind all text, so that scanning needs no bounds

// Text, with kPad zero bytes behind; or else an open file, read in pieces. (It is not mapped to memory: the process
// would end if a mapped file became shorter. Reading a piece into a buffer that is in the cache costs no more.)
struct Source {
    const char* text;
    int file;
    index_t size;
    char* copy = nullptr;  // room for all of an open file, which read_results copies there as it goes
};

// The columns of records; null where a column is not wanted. Room for `room` rows, which n_rows count.
struct RecordColumns {
    index_t *image, *category, *id;
    double *boxes, *scores, *areas;
    double* sizes;     // (N, 2): height and width of images, NaN where there is no number
    index_t* masks;    // (N, 2): where the value of `segmentation` begins and ends in the text; boxes are optional then
    index_t* names;    // (N, 2): where that of `file_name` does; 0, 0 without one
    double* points;    // (N, width), the numbers of `keypoints`; boxes are optional then
    index_t width;     // 0 where there are none
    double* labelled;  // num_keypoints, NaN where it is missing
    std::uint8_t* flags;  // of the bits below
    index_t room;
};
// kPlainCrowd: iscrowd is there, and no number between -1 and 1 but 0. kOtherCrowd: it is neither 0 nor 1.
// kIsIgnored: `ignore` is a number other than 0, or true. kOtherIgnore: it is neither a number nor a boolean.
// kHasLvisKeys: of images, one of the keys that LVIS adds.
enum : std::uint8_t {
    kIsCrowd = 1,
    kHasArea = 2,
    kHasId = 4,
    kPlainCrowd = 8,
    kOtherCrowd = 16,
    kIsIgnored = 32,
    kOtherIgnore = 64,
    kHasLvisKeys = 128
};

// A key of the data set, without its quotes, and its value: places in the text.
struct Section {
    index_t key_begin, key_end, begin, end;
};

struct GroundTruthCounts {
    index_t images = 0, rows = 0;
    index_t categories_begin = 0, categories_end = 0;  // the text of the array of categories
    std::vector<Section> sections;                     // in the order of the text
};

// A list of results: image, category, boxes and scores; with out.masks, of text alone, or out.points boxes are NaN
// where there is none; with points no result has a segmentation. Returns the number of rows. `chunk`: bytes per unit of
// work. Throws Declined.
index_t read_results(const Source& source, index_t chunk, const Threads& threads, const RecordColumns& out);

// A data set: its annotations but for scores; the ids, sizes, names and flags of its images.
// `source` is text.
GroundTruthCounts read_ground_truth(const Source& source, index_t chunk, const Threads& threads,
                                    const RecordColumns& images, const RecordColumns& out);

// `size` bytes from `begin` on, which must all be there. Throws Declined.
void read_file(int file, index_t begin, index_t size, char* out);

}  // namespace pymetrics
