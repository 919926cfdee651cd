#pragma once
// A JSON array of records is read in chunks, by all threads: windows on the source, the chunks, and their places among
// the rows. For coco_json.cpp alone.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>
#include <mutex>
#include <utility>

#include "coco_json.h"
#include "coco_record.h"

namespace pymetrics {
namespace {

// A piece of the source, with zero bytes behind.
class Window {
  public:
    explicit Window(const Source& source) : source_(source) {}

    void open(index_t begin, index_t end) {
        begin_ = begin;
        end_ = std::min(end, source_.size);
        if (source_.text) {
            data_ = source_.text + begin;
            end_ = source_.size;
            return;
        }
        const auto size = std::size_t(end_ - begin_);
        if (buffer_.size() < size + kPad) buffer_.resize(size + kPad);
        read_file(source_.file, begin_, index_t(size), buffer_.data());
        std::memset(buffer_.data() + size, 0, kPad);
        data_ = buffer_.data();
    }

    const char* data() const { return data_; }
    const char* end() const { return data_ + (end_ - begin_); }
    index_t at(const char* p) const { return begin_ + (p - data_); }
    const char* of(index_t at) const { return data_ + (at - begin_); }

    // From its beginning to `end`.
    void copy_to(char* text, index_t end) const {
        end = std::min(end, end_);
        if (begin_ < end) std::memcpy(text + begin_, data_, std::size_t(end - begin_));
    }

    // Whether a scanner may have stopped at p only because the window ends there. (Words and escapes stop before.)
    bool cuts(const char* p) const { return end_ < source_.size && p >= end() - 8; }

  private:
    const Source& source_;
    std::vector<char> buffer_;
    const char* data_ = nullptr;
    index_t begin_ = 0, end_ = 0;
};

// The records whose '{' follows a '}' that is in [begin, end): each chunk finds its first one by a search for "}, {",
// and every record belongs to one chunk. Where that text is within a string or a nested value, the chunk before ends
// elsewhere, and the chunk is read again.
struct Chunk {
    index_t start = -1;           // of the first record; -1: not found
    index_t stop = 0, brace = 0;  // where the next chunk's first record begins, and the '}' before it
    bool is_read = false, is_last = false;
    Declined error{-1, ""};  // at >= 0: not read to its end
    Records records;
};

class ArrayReader {
  public:
    ArrayReader(const Source& source, const Wanted& wanted, index_t chunk, const RecordColumns& out)
        : source_(source), wanted_(wanted), size_(chunk), out_(out) {}

    // The array whose '[' stands at `at`. Returns where its ']' stands; -1 where the caller asked to stop.
    index_t read(index_t at, const Threads& threads) {
        Window window(source_);
        const index_t first = open_first(window, at);
        if (*window.of(first) == ']') {
            if (source_.copy) read_file(source_.file, 0, source_.size, source_.copy);
            return first;
        }
        template_.learn(window.of(first), wanted_);
        if (template_.fits) usual_ = size_ / template_.shortest() + 1;
        begin_ = at;
        brace_ = at;
        first_ = first;
        expected_ = first;
        const index_t n_chunks = (source_.size - begin_ + size_ - 1) / size_;
        chunks_.resize(std::size_t(n_chunks));
        bool stopped = false;
        Threads watched = threads;
        if (threads.poll)
            watched.poll = [&] {
                stopped = threads.poll();
                return stopped;
            };
        parallel_for(0, n_chunks, 1, watched, [&](Interrupt&) {
            return [this, window = Window(source_)](index_t c, index_t) mutable { work(window, c); };
        });
        if (stopped) return -1;
        if (end_ < 0) throw Declined{source_.size, "the array does not end"};
        if (source_.copy) {  // what stands before the first record, and what no chunk had to look at
            const index_t rest = std::min(source_.size, begin_ + index_t(next_) * size_);
            read_file(source_.file, 0, first_, source_.copy);
            read_file(source_.file, rest, source_.size - rest, source_.copy + rest);
        }
        return end_;
    }

    index_t n_rows() const { return n_rows_; }

  private:
    const Source& source_;
    const Wanted wanted_;
    const index_t size_;
    const RecordColumns& out_;
    Template template_;
    index_t begin_ = 0, first_ = 0;  // of the array, of its first record
    index_t usual_ = 0;              // the most records that a chunk holds, if they are like the first one
    // Under the mutex:
    std::mutex mutex_;
    std::vector<Chunk> chunks_;
    std::size_t next_ = 0;              // the first chunk that has no place among the rows yet
    index_t expected_ = 0, brace_ = 0;  // where its first record begins, and the '}' before it
    index_t n_rows_ = 0;
    std::atomic<index_t> end_{-1};
    std::vector<Records> spare_;

    index_t end_of(std::size_t c) const { return begin_ + (index_t(c) + 1) * size_; }

    // Opens a window on the array whose '[' stands at `at`, with its first two records if they are short. Returns
    // where the first one begins.
    index_t open_first(Window& window, index_t at) const {
        for (index_t size = 4096;; size *= 4) {
            window.open(at, at + size);
            Scanner s{window.data()};
            if (!s.take('[', "expected a list")) throw Declined{at, s.why};
            const index_t first = window.at(s.p);
            const bool whole = *s.p != '{' || (s.value() && s.take(',', "") && s.value());
            if (!window.cuts(s.p) || (!whole && size > (1 << 20) && !window.cuts(window.of(first)))) return first;
        }
    }

    void work(Window& window, index_t c) {
        if (end_ >= 0) return;
        const index_t begin = begin_ + c * size_, end = begin + size_;
        Chunk chunk;
        {
            std::lock_guard<std::mutex> lock(mutex_);
            if (!spare_.empty()) {
                chunk.records = std::move(spare_.back());
                spare_.pop_back();
            }
        }
        if (c == 0) open(window, chunk, first_, begin_, end);
        else window.open(begin, end + kPad);
        if (source_.copy) window.copy_to(source_.copy, end);
        if (c != 0) guess(window, chunk, window.data() + size_);
        if (chunk.start >= 0) read_chunk(window, chunk, end);
        chunk.is_read = true;

        std::vector<std::pair<Chunk, index_t>> placed;
        {
            std::lock_guard<std::mutex> lock(mutex_);
            chunks_[std::size_t(c)] = std::move(chunk);
            while (end_ < 0 && next_ < chunks_.size() && chunks_[next_].is_read) {
                place(window, chunks_[next_], end_of(next_));
                placed.emplace_back(std::move(chunks_[next_]), n_rows_);
                n_rows_ += placed.back().first.records.n;
                ++next_;
            }
        }
        for (auto& [done, row] : placed) copy(done, row);
        std::lock_guard<std::mutex> lock(mutex_);
        for (auto& [done, row] : placed) spare_.push_back(std::move(done.records));
    }

    static void open(Window& window, Chunk& chunk, index_t start, index_t brace, index_t end) {
        chunk.start = start;
        chunk.brace = brace;
        window.open(start, std::max(start, end) + kPad);
    }

    // The first "} , {" whose '}' stands before `end`.
    static void guess(const Window& window, Chunk& chunk, const char* end) {
        end = std::min(end, window.end());
        for (const char* p = window.data(); p < end; ++p) {
            p = static_cast<const char*>(std::memchr(p, '}', std::size_t(end - p)));
            if (!p) return;
            Scanner s{p + 1};
            if (s.take(',', "") && *s.p == '{') {
                chunk.start = window.at(s.p);
                chunk.brace = window.at(p);
                return;
            }
        }
    }

    // The records from chunk.start on, where the window begins or later; chunk.brace is the '}' before.
    void read_chunk(Window& window, Chunk& chunk, index_t end) const {
        chunk.records.n = 0;
        chunk.records.resize(usual_, wanted_);
        chunk.error.at = -1;
        chunk.is_last = false;
        index_t at = chunk.start;
        const char* p = window.of(at);
        while (chunk.brace < end && !chunk.is_last) {
            if (template_.fits) {
                template_.read(p, at, chunk.brace, end, wanted_, chunk.records);
                if (chunk.brace >= end) break;
            }
            Scanner s{p};
            Record r;
            if (wanted_.width > 0) r.points = chunk.records.next_points(wanted_);
            bool ok = read_record(s, wanted_, r);
            const char* const brace = s.p - 1;
            if (ok) {
                s.space();
                chunk.is_last = *s.p == ']';
                ok = chunk.is_last ||
                     (s.take(',', "expected ',' or ']'") && (*s.p == '{' || s.fail("expected a record")));
            }
            if (!ok && window.cuts(s.p)) {
                window.open(at, at + std::max(2 * index_t(window.end() - p), kPad));
                p = window.data();
                continue;
            }
            if (!ok) {
                chunk.error = {window.at(s.p), s.why};
                return;
            }
            chunk.records.push(r, wanted_);
            p = s.p;
            at = window.at(p);
            chunk.brace = window.at(brace);
        }
        chunk.stop = at;
    }

    // Under the mutex: the next chunk joins the others. Its records must begin where the last one's ended.
    void place(Window& window, Chunk& chunk, index_t end) {
        if (brace_ >= end) {  // a record spans all of it
            chunk.records.n = 0;
            return;
        }
        if (chunk.start != expected_) {
            open(window, chunk, expected_, brace_, end);
            read_chunk(window, chunk, end);
        }
        if (chunk.error.at >= 0) throw chunk.error;
        if (n_rows_ + chunk.records.n > out_.room) throw Declined{chunk.start, "more records than there is room for"};
        expected_ = chunk.stop;
        brace_ = chunk.brace;
        if (chunk.is_last) end_ = chunk.stop;
    }

    void copy(const Chunk& chunk, index_t row) const {
        const Records& r = chunk.records;
        const std::size_t n = std::size_t(r.n);
        if (n == 0) return;
        auto one = [&](auto* to, Field field) {
            if (to && wanted_.known >> field & 1) std::memcpy(to + row, r.slot[field].get(), n * 8);
        };
        one(out_.image, kImage);
        one(out_.category, kCategory);
        one(out_.id, kId);
        one(out_.scores, kScore);
        one(out_.areas, kArea);
        if (out_.boxes)
            for (std::size_t i = 0; i < n; ++i)
                for (std::size_t j = 0; j < 4; ++j)
                    std::memcpy(out_.boxes + 4 * (row + index_t(i)) + j, &r.slot[j][i], 8);
        if (out_.boxes && (out_.masks || out_.points))
            for (std::size_t i = 0; i < n; ++i)
                if (!(r.seen[i] & kBox))
                    std::fill_n(out_.boxes + 4 * (row + index_t(i)), 4, std::numeric_limits<double>::quiet_NaN());
        auto places = [&](index_t* to, Field field) {
            if (!to) return;
            for (std::size_t i = 0; i < n; ++i)
                for (int j = 0; j < 2; ++j)
                    to[2 * (row + index_t(i)) + j] =
                        r.seen[i] >> field & 1
                            ? reinterpret_cast<const char*>(std::uintptr_t(r.slot[field + j][i])) - source_.text
                            : 0;
        };
        places(out_.masks, kMask);
        places(out_.names, kName);
        if (out_.points) std::memcpy(out_.points + row * out_.width, r.points.get(), n * std::size_t(out_.width) * 8);
        if (out_.labelled)
            for (std::size_t i = 0; i < n; ++i) {
                const bool is_there = r.seen[i] >> kLabelled & 1;
                const word_t value =
                    is_there ? r.slot[kLabelled][i] : bits_of(std::numeric_limits<double>::quiet_NaN());
                std::memcpy(out_.labelled + row + index_t(i), &value, 8);
            }
        if (out_.sizes) {
            constexpr double nan = std::numeric_limits<double>::quiet_NaN();
            double* to = out_.sizes + 2 * row;
            for (std::size_t i = 0; i < n; ++i)
                for (const Field field : {kHeight, kWidth}) {
                    const word_t value = r.seen[i] >> field & 1 ? r.slot[field][i] : bits_of(nan);
                    std::memcpy(to++, &value, 8);
                }
        }
        if (!out_.flags) return;
        for (std::size_t i = 0; i < n; ++i) {
            const Fields seen = r.seen[i];
            const bool has_crowd = seen >> kCrowd & 1;
            const word_t size = has_crowd ? r.slot[kCrowd][i] << 1 : 0;  // 0 for 0.0 and -0.0
            const bool plain = has_crowd && (size == 0 || size >= bits_of(1) << 1);
            const bool other = size != 0 && r.slot[kCrowd][i] != bits_of(1);
            const word_t ignore = seen >> kIgnore & 1 ? r.slot[kIgnore][i] << 1 : 0;
            const bool is_nan = ignore > bits_of(std::numeric_limits<double>::infinity()) << 1;
            out_.flags[row + index_t(i)] = std::uint8_t(
                (size != 0 ? kIsCrowd : 0) | (seen >> kArea & 1 ? kHasArea : 0) | (seen >> kId & 1 ? kHasId : 0) |
                (plain ? kPlainCrowd : 0) | (other ? kOtherCrowd : 0) | (is_nan ? kOtherIgnore : 0) |
                (ignore != 0 && !is_nan ? kIsIgnored : 0) | (seen >> kLvisKey & 1 ? kHasLvisKeys : 0));
        }
    }
};

}  // namespace
}  // namespace pymetrics
