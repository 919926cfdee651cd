#pragma once
// The threads of one call: started, joined and forgotten here, so that a fork finds none of them.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "common.h"

namespace pymetrics {

// Called now and then by the calling thread; true asks all threads to stop early.
using Poll = std::function<bool()>;

struct Threads {
    index_t count;
    Poll poll;
};

// Whether a call is to stop early, as one of its threads sees it. The calling thread has a poll, which it asks at most
// every 50 ms; the other threads see its answer.
class Interrupt {
    using Clock = std::chrono::steady_clock;
    std::atomic<bool>& stop_;
    const Poll& poll_;  // empty in all threads but the calling one
    Clock::time_point polled_ = Clock::now();
    index_t n_steps_ = 0;

  public:
    Interrupt(std::atomic<bool>& stop, const Poll& poll) : stop_(stop), poll_(poll) {}

    bool stopped() const { return stop_.load(std::memory_order_relaxed); }

    void poll(Clock::time_point now) {
        if (!poll_ || now - polled_ < std::chrono::milliseconds(50) || stopped()) return;
        polled_ = now;
        if (poll_()) stop_ = true;
    }

    // For units that may take seconds: after n more steps of some nanoseconds each, is the call to stop?
    bool stopped_after(index_t n) {
        n_steps_ += n;
        if (n_steps_ < (index_t(1) << 20)) return false;
        n_steps_ = 0;
        poll(Clock::now());
        return stopped();
    }
};

// make(interrupt) -> a worker with scratch of its own; worker(low, high) does the units [low, high). A thread that is
// free takes the next chunk: of one unit at first, then of up to `grain` as long as they are quick, so that a poll is
// never far away. Exceptions of workers are rethrown here. After a poll that asked to stop, outputs are unfinished.
template <class Make>
void parallel_for(index_t begin, index_t end, index_t grain, const Threads& threads, Make make) {
    using namespace std::chrono;
    std::atomic<index_t> next{begin};
    std::atomic<bool> stop{false};
    std::exception_ptr error;
    index_t n_running = 0;  // threads beside the calling one
    std::mutex mutex;       // of `error` and `n_running`
    std::condition_variable ended;
    auto work = [&](const Poll& poll) {
        try {
            Interrupt interrupt(stop, poll);
            auto worker = make(interrupt);
            auto started = steady_clock::now();
            index_t step = 1;
            for (index_t low; !stop && (low = next.fetch_add(step)) < end;) {
                worker(low, std::min(low + step, end));
                const auto now = steady_clock::now();
                if (now - started < microseconds(200)) step = std::min(2 * step, grain);
                if (now - started > milliseconds(10)) step = std::max<index_t>(step / 2, 1);
                started = now;
                interrupt.poll(now);
            }
        } catch (...) {
            std::lock_guard<std::mutex> lock(mutex);
            error = std::current_exception();
            stop = true;
        }
    };
    auto work_beside = [&] {
        work(Poll());
        std::lock_guard<std::mutex> lock(mutex);
        --n_running;
        ended.notify_one();
    };
    const index_t n_chunks = (end - begin + grain - 1) / grain;
    const index_t n_threads = std::min<index_t>(threads.count, n_chunks);
    std::vector<std::thread> pool;
    pool.reserve(std::size_t(std::max<index_t>(n_threads, 1)));  // so that only the system can refuse below
    for (index_t i = 1; i < n_threads; ++i) {
        std::lock_guard<std::mutex> lock(mutex);
        try {
            pool.emplace_back(work_beside);
            ++n_running;
        } catch (const std::system_error&) {
            break;  // the system has no more threads: fewer do the work
        }
    }
    work(threads.poll);
    {
        std::unique_lock<std::mutex> lock(mutex);
        while (!ended.wait_for(lock, milliseconds(50), [&] { return n_running == 0; })) {
            lock.unlock();
            if (!stop && threads.poll && threads.poll()) stop = true;
            lock.lock();
        }
    }
    for (auto& thread : pool) thread.join();
    if (error) std::rethrow_exception(error);
}

// unit(i) for each unit, where units need no scratch and are quick.
template <class Unit>
void for_each_unit(index_t begin, index_t end, index_t grain, const Threads& threads, Unit unit) {
    parallel_for(begin, end, grain, threads, [&](Interrupt&) {
        return [&](index_t low, index_t high) {
            for (index_t i = low; i < high; ++i) unit(i);
        };
    });
}

}  // namespace pymetrics
