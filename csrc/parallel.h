#pragma once
// The threads of one call: started, joined and forgotten here, so that a fork finds none of them.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "common.h"

namespace pymetrics {

// Called now and then by the calling thread; true asks all threads to stop early.
using Poll = std::function<bool()>;

struct Threads {
    int count;
    Poll poll;
};

// make() -> a worker with scratch of its own; worker(low, high) does the units [low, high). Chunks go to whoever is
// free: of one unit at first, then of up to `grain` as long as they are quick, so that a poll is never far away.
// Exceptions of workers are rethrown here. After a poll that asked to stop, outputs are unfinished.
template <class Make>
void parallel_for(index_t begin, index_t end, index_t grain, const Threads& threads, Make make) {
    std::atomic<index_t> next{begin};
    std::atomic<bool> stop{false};
    std::exception_ptr error;
    std::mutex mutex;
    auto work = [&](bool caller) {
        try {
            using namespace std::chrono;
            auto worker = make();
            auto started = steady_clock::now(), polled = started;
            index_t step = 1;
            for (index_t low; !stop && (low = next.fetch_add(step)) < end;) {
                worker(low, std::min(low + step, end));
                const auto now = steady_clock::now();
                if (now - started < microseconds(200)) step = std::min(2 * step, grain);
                if (now - started > milliseconds(10)) step = std::max<index_t>(step / 2, 1);
                started = now;
                if (!caller || !threads.poll || now - polled < milliseconds(50)) continue;
                polled = now;
                if (threads.poll()) stop = true;
            }
        } catch (...) {
            std::lock_guard<std::mutex> lock(mutex);
            error = std::current_exception();
            stop = true;
        }
    };
    const index_t n_chunks = (end - begin + grain - 1) / grain;
    const index_t n_threads = std::min<index_t>(threads.count, n_chunks);
    std::vector<std::thread> pool;
    pool.reserve(std::size_t(std::max<index_t>(n_threads, 1)));  // so that nothing but the system can refuse below
    for (index_t i = 1; i < n_threads; ++i) {
        try {
            pool.emplace_back(work, false);
        } catch (const std::system_error&) {
            break;  // no more threads to be had: fewer do the work
        }
    }
    work(true);
    for (auto& thread : pool) thread.join();
    if (error) std::rethrow_exception(error);
}

}  // namespace pymetrics
