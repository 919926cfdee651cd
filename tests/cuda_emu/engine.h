#pragma once
// How the threads of a block take turns; see cuda_emu.h.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#ifdef CUDA_EMU_THREADS
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#else
#include <setjmp.h>
#include <ucontext.h>
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

#if defined(CUDA_EMU_THREADS) || defined(__SANITIZE_ADDRESS__)
#define EMU_SHARED static  // one block at a time, so one copy is enough
#else
#define EMU_SHARED static __attribute__((section("emu_shared")))
extern char __start_emu_shared[] __attribute__((weak, visibility("hidden")));
extern char __stop_emu_shared[] __attribute__((weak, visibility("hidden")));
#endif

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

namespace emu {

constexpr unsigned kLanes = 32;
constexpr int kPoison = 0xA5;
using bits_t = std::uint64_t;

[[noreturn]] inline void die(const std::string& what) {
    std::fprintf(stderr, "cuda_emu: %s\n", what.c_str());
    std::abort();
}

#ifdef CUDA_EMU_THREADS
// The warp's own, or the block's: a collective must not order other warps, or it hides their races.
struct Monitor {
    std::mutex mutex;
    std::condition_variable changed;
    struct Hold : std::unique_lock<std::mutex> {
        explicit Hold(Monitor& m) : std::unique_lock<std::mutex>(m.mutex) {}
    };
    template <class Ready>
    void wait(Hold& hold, const char* what, Ready ready) {
        if (!changed.wait_for(hold, std::chrono::seconds(30), ready))
            die(std::string(what) + " waits for lanes that never come");
    }
    void wake() { changed.notify_all(); }
};
#else
void pause(bool (*ready)(void*), void* of);  // lets other fibers run until ready(of)

struct Monitor {
    struct Hold {
        explicit Hold(Monitor&) {}
    };
    template <class Ready>
    void wait(Hold&, const char*, Ready ready) {
        if (!ready()) pause([](void* of) { return (*static_cast<Ready*>(of))(); }, &ready);
    }
    void wake() {}
};
#endif

// One collective of the lanes in a mask.
struct Meeting {
    unsigned mask = 0, arrived = 0, left = 0, turn = 0;  // left: who has still to read
    const char* what = "";
    bits_t brought[kLanes], result[kLanes];
};

struct Warp {
    Monitor monitor;
    Meeting meetings[kLanes];  // by the lowest lane of the mask: groups of lanes may each have their own
};

struct Block {
    Monitor monitor;
    unsigned live = 0, waiting = 0, turn = 0;
    int site = 0;  // the line of the barrier
};

struct Lane {
    dim3 thread, block_index;
    unsigned place = 0;  // in its warp
    Warp* warp = nullptr;
    Block* block = nullptr;
};

inline thread_local Lane* self_ = nullptr;
inline Lane& self() { return *self_; }
inline dim3 grid_size, block_size;

inline void sync_block(int site) {
    Block& b = *self().block;
    Monitor::Hold hold(b.monitor);
    if (b.waiting && b.site != site)
        die("threads wait at different __syncthreads (lines " + std::to_string(b.site) + ", " + std::to_string(site) +
            ")");
    b.site = site;
    const unsigned turn = b.turn;
    if (++b.waiting == b.live) {
        b.waiting = 0, ++b.turn;
        b.monitor.wake();
    } else {
        b.monitor.wait(hold, "__syncthreads", [&b, turn] { return b.turn != turn; });
    }
}

// A thread that has ended is not waited for.
inline void leave_block() {
    Block& b = *self().block;
    Monitor::Hold hold(b.monitor);
    if (--b.live == b.waiting && b.live) {
        b.waiting = 0, ++b.turn;
        b.monitor.wake();
    }
}

// What every lane of the mask brought, once all have come.
inline void collect(const char* what, unsigned mask, bits_t value, bits_t* all) {
    const unsigned me = self().place, bit = 1u << me;
    if (!(mask & bit)) die(std::string(what) + ": a lane calls with a mask that leaves it out");
    Warp& warp = *self().warp;
    Meeting& m = warp.meetings[__builtin_ctz(mask)];
    Monitor::Hold hold(warp.monitor);
    warp.monitor.wait(hold, what, [&m] { return m.left == 0; });
    if (m.arrived && m.mask != mask) die(std::string(what) + ": lanes meet with different masks");
    if (m.arrived && std::strcmp(m.what, what) != 0) die("lanes meet in " + std::string(m.what) + " and in " + what);
    m.mask = mask, m.what = what, m.brought[me] = value, m.arrived |= bit;
    const unsigned turn = m.turn;
    if (m.arrived == mask) {
        std::memcpy(m.result, m.brought, sizeof m.result);
        m.left = mask, m.arrived = 0, ++m.turn;
        warp.monitor.wake();
    } else {
        warp.monitor.wait(hold, what, [&m, turn] { return m.turn != turn; });
    }
    std::memcpy(all, m.result, sizeof m.result);
    m.left &= ~bit;
    if (!m.left) warp.monitor.wake();
}

inline void place_lane(Lane& lane, unsigned i, Block& block, std::vector<Warp>& warps, dim3 block_index) {
    lane.thread = dim3(i % block_size.x, i / block_size.x % block_size.y, i / block_size.x / block_size.y);
    lane.place = i % kLanes, lane.block = &block, lane.warp = &warps[i / kLanes], lane.block_index = block_index;
}

inline dim3 block_at(unsigned b) {
    return dim3(b % grid_size.x, b / grid_size.x % grid_size.y, b / grid_size.x / grid_size.y);
}

#ifdef CUDA_EMU_THREADS
// A thread that does one launch's lane after another: threads are slow to make.
struct Worker {
    Monitor monitor;
    std::function<void()> job;
    std::thread thread{[this] {
        for (;;) {
            std::function<void()> mine;
            {
                Monitor::Hold hold(monitor);
                monitor.changed.wait(hold, [this] { return bool(job); });
                mine = std::exchange(job, nullptr);
            }
            mine();
        }
    }};
};

inline void run_blocks(unsigned n_blocks, unsigned n_threads, const std::function<void()>& body) {
    static auto& workers = *new std::vector<std::unique_ptr<Worker>>;  // they outlive everything
    while (workers.size() < n_threads) workers.emplace_back(new Worker);
    std::vector<Warp> warps((n_threads + kLanes - 1) / kLanes);
    std::vector<Lane> lanes(n_threads);
    Block block, between;  // the threads meet in `between` after each block
    block.live = between.live = n_threads;
    Monitor end;
    unsigned left = n_threads;
    for (unsigned i = 0; i < n_threads; ++i) {
        Monitor::Hold hold(workers[i]->monitor);
        workers[i]->job = [&, i] {
            self_ = &lanes[i];
            for (unsigned b = 0; b < n_blocks; ++b) {
                place_lane(lanes[i], i, block, warps, block_at(b));
                body();
                leave_block();
                lanes[i].block = &between;
                sync_block(0);
                if (i == 0) block.live = n_threads;
                sync_block(1);
            }
            Monitor::Hold over(end);
            --left;
            end.wake();
        };
        workers[i]->monitor.wake();
    }
    Monitor::Hold hold(end);
    end.changed.wait(hold, [&] { return left == 0; });
}
#else
constexpr std::size_t kStack = 256 << 10;

// Where something stands that does not run. setjmp, for swapcontext asks the system each time; but AddressSanitizer
// takes a longjmp for the end of what it leaves.
struct Standing {
    ucontext_t context;
#ifndef __SANITIZE_ADDRESS__
    jmp_buf place;
    bool begun = false;
#endif
    void* asan = nullptr;
    const void* bottom = nullptr;  // of its stack
    std::size_t size = 0;
};

inline void change(Standing& from, Standing& to) {
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(&from.asan, to.bottom, to.size);
    swapcontext(&from.context, &to.context);
    __sanitizer_finish_switch_fiber(from.asan, nullptr, nullptr);
#else
    if (_setjmp(from.place) != 0) return;
    if (std::exchange(to.begun, true)) _longjmp(to.place, 1);
    setcontext(&to.context);
#endif
}

struct Fiber {
    Lane lane;
    bool done = true;
    bool (*ready)(void*) = nullptr;  // what it waits for
    void* of = nullptr;
    std::unique_ptr<char[]> stack{new char[kStack]};
    Standing standing;
};

// All fibers there ever were: a stack is slow to make.
inline std::vector<std::unique_ptr<Fiber>> fibers;
inline Fiber* running = nullptr;
inline Standing home;
inline const std::function<void()>* body_ = nullptr;
inline std::exception_ptr error;

inline void go_home() { change(running->standing, home); }

inline void pause(bool (*ready)(void*), void* of) {
    running->ready = ready, running->of = of;
    go_home();
}

// A fiber does one block's thread after another.
inline void live() {
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(nullptr, &home.bottom, &home.size);
#endif
    for (;;) {
        try {
            (*body_)();
        } catch (...) {
            error = std::current_exception();
        }
        leave_block();
        running->done = true;
        go_home();
    }
}

inline void resume(Fiber& f) {
    running = &f;
    self_ = &f.lane;
    f.ready = nullptr;
    change(home, f.standing);
}

inline void need_fibers(unsigned n) {
#ifndef __SANITIZE_ADDRESS__
    home.begun = true;
#endif
    while (fibers.size() < n) {
        fibers.emplace_back(new Fiber);
        Fiber& f = *fibers.back();
        std::memset(f.stack.get(), kPoison, 64);
        f.standing.bottom = f.stack.get(), f.standing.size = kStack;
        getcontext(&f.standing.context);
        f.standing.context.uc_stack.ss_sp = f.stack.get();
        f.standing.context.uc_stack.ss_size = kStack;
        f.standing.context.uc_link = nullptr;
        makecontext(&f.standing.context, live, 0);
    }
}

// The order of blocks, of warps, and of the lanes in a warp.
struct Schedule {
    bool reverse = false, shuffle = false;
    std::mt19937 random;

    Schedule() {
        const char* how = std::getenv("CUDA_EMU_ORDER");
        const std::string order = how ? how : "forward";
        reverse = order == "reverse";
        shuffle = !reverse && order != "forward";
        if (shuffle) random.seed(unsigned(std::stoul(order)));
    }
    void arrange(std::vector<unsigned>& turns) {
        if (shuffle) std::shuffle(turns.begin(), turns.end(), random);
    }
    std::vector<unsigned> turns(unsigned n) const {
        std::vector<unsigned> out(n);
        std::iota(out.begin(), out.end(), 0u);
        if (reverse) std::reverse(out.begin(), out.end());
        return out;
    }
};

inline void run_blocks(unsigned n_blocks, unsigned n_threads, const std::function<void()>& body) {
    Schedule schedule;
    need_fibers(n_threads);
    body_ = &body;
    std::vector<Warp> warps((n_threads + kLanes - 1) / kLanes);
    auto block_turns = schedule.turns(n_blocks), warp_turns = schedule.turns(unsigned(warps.size())),
         lane_turns = schedule.turns(kLanes);
    schedule.arrange(block_turns);
    for (const unsigned b : block_turns) {
#ifndef __SANITIZE_ADDRESS__
        if (__start_emu_shared)
            std::memset(__start_emu_shared, kPoison, std::size_t(__stop_emu_shared - __start_emu_shared));
#endif
        Block block;
        block.live = n_threads;
        for (unsigned i = 0; i < n_threads; ++i) {
            place_lane(fibers[i]->lane, i, block, warps, block_at(b));
            fibers[i]->done = false, fibers[i]->ready = nullptr;
        }
        for (unsigned n_done = 0; n_done < n_threads;) {
            schedule.arrange(warp_turns);
            bool stuck = true;
            for (const unsigned w : warp_turns) {
                schedule.arrange(lane_turns);
                for (bool moved = true; moved;) {
                    moved = false;
                    for (const unsigned lane : lane_turns) {
                        const unsigned i = w * kLanes + lane;
                        if (i >= n_threads || fibers[i]->done) continue;
                        if (fibers[i]->ready && !fibers[i]->ready(fibers[i]->of)) continue;
                        resume(*fibers[i]);
                        n_done += fibers[i]->done;
                        moved = true, stuck = false;
                    }
                }
            }
            if (stuck) die("a collective or __syncthreads waits for lanes that never come");
        }
        for (unsigned i = 0; i < n_threads; ++i)
            for (unsigned byte = 0; byte < 64; ++byte)
                if (fibers[i]->stack[byte] != char(kPoison)) die("a thread ran off its stack");
        if (error) std::rethrow_exception(std::exchange(error, nullptr));
    }
}
#endif

}  // namespace emu
