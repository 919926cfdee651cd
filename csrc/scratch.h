#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
#include <new>
#include <string>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "common.h"

namespace pymetrics {

// Asks the system for huge pages: to touch new memory page by page costs more than many a loop over it.
inline void ask_huge_pages([[maybe_unused]] void* data, [[maybe_unused]] std::size_t size) {
#if defined(__linux__)
    constexpr std::uintptr_t page = 4096, huge = std::uintptr_t(1) << 21;
    if (size < huge) return;
    const auto begin = (reinterpret_cast<std::uintptr_t>(data) + page - 1) / page * page;
    const auto end = (reinterpret_cast<std::uintptr_t>(data) + size) / page * page;
    madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
}

// As std::bad_alloc, with the size. In Python it is a MemoryError.
class OutOfMemory : public std::bad_alloc {
    std::string what_;

  public:
    explicit OutOfMemory(std::size_t size) : what_("cannot allocate " + std::to_string(size >> 20) + " MiB") {}
    const char* what() const noexcept override { return what_.c_str(); }
};

// Memory that a thread uses again and again, for plain numbers and structs. It is not initialised, and nothing is kept
// when it grows. Small requests get room to spare; large ones what they ask for, or room that they do not touch.
template <class T>
class Scratch {
    static constexpr index_t kSmall = (index_t(1) << 20) / index_t(sizeof(T));
    std::unique_ptr<T[]> data_;
    index_t capacity_ = 0;

  public:
    T* take(index_t n) {
        if (n > capacity_) {
            data_.reset();
            capacity_ = 0;
            const index_t room = n < kSmall ? 2 * n : std::max(n, 4 * kSmall);  // huge pages need 4 MiB
            data_.reset(new (std::nothrow) T[std::size_t(room)]);
            if (!data_) throw OutOfMemory(std::size_t(room) * sizeof(T));
            ask_huge_pages(data_.get(), std::size_t(room) * sizeof(T));
            capacity_ = room;
        }
        return data_.get();
    }
};

}  // namespace pymetrics
