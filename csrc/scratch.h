#pragma once
#include <memory>

#include "common.h"

namespace pymetrics {

// Memory that a thread uses again and again, for plain numbers and structs. It is not initialised, and nothing is kept
// when it grows. Small requests get room to spare, large ones exactly what they ask for.
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
            const index_t room = n < kSmall ? 2 * n : n;
            data_.reset(new T[std::size_t(room)]);
            capacity_ = room;
        }
        return data_.get();
    }
};

}  // namespace pymetrics
