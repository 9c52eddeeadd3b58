// Runs the source of CUDA kernels, as it is, on the CPU: g++ -std=c++17 -include cuhost.hpp.
//
// Types and their arithmetic (__half, __nv_bfloat16, uint3) are NVIDIA's own headers compiled for
// the host. Added here is how threads run: one fiber each, blocks one after another, and a warp's
// threads wait for each other in a warp intrinsic. What this cannot show: races between two
// intrinsics of a warp, the order of memory operations, PTX, and time.
#pragma once
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>
#include <algorithm>
#include <random>
#include <cuda_runtime.h>  // first: a kernel that includes it meets its include guard
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include "fiber.hpp"

#undef __global__
#undef __device__
#undef __shared__
#undef __launch_bounds__
#undef __forceinline__
#define __global__
#define __device__
#define __shared__ thread_local  // of a block, as blocks run one after another
#define __launch_bounds__(...)
#define __forceinline__ inline
#define CUHOST 1

namespace cuhost {

struct Error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

constexpr unsigned LANES_OF_WARP = 32, ALL = ~0u;

enum class State { ready, at_warp, at_block, returned };
enum class Meeting { shuffle, ballot, sync };

// What each lane brought to a meeting. Two of them: lanes may be on their way to the next meeting
// while others still look at this one, but not to the one after it.
struct Brought {
    unsigned char of_lane[LANES_OF_WARP][16];
};
struct Warp {
    unsigned alive = 0, arrived = 0, meetings = 0;
    Meeting meeting = Meeting::sync;
    Brought brought[2];
};
struct Thread {
    uint3 index{};
    unsigned lane = 0;
    Warp* warp = nullptr;
    State state = State::ready;
    Fiber fiber;
};
struct Block {
    uint3 index{};
    dim3 size, grid;
    std::vector<Thread> threads;
    std::vector<Warp> warps;
    unsigned alive = 0, at_block = 0;
    std::function<void()> body;
    std::string failure;
    // Dynamic shared memory: an allocation of its own, so that AddressSanitizer knows its end.
    std::unique_ptr<unsigned char[]> shared;
    unsigned shared_bytes = 0;
};
inline thread_local Block block;
inline thread_local Thread* now = nullptr;

[[noreturn]] inline void fail(const char* what) {
    throw Error("block " + std::to_string(block.index.x) + ", thread " +
                std::to_string(now->index.x) + ": " + what);
}

inline void wait(State state) {
    now->state = state;
    leave(now->fiber);
}

// All lanes of the warp come here; each leaves with what all have brought.
template <class T>
const Brought& meet(Meeting meeting, unsigned mask, const T& value) {
    static_assert(sizeof(T) <= 16);
    Warp& warp = *now->warp;
    if (mask != ALL) fail("a warp intrinsic's mask leaves out lanes: not known here");
    if (warp.alive != ALL) fail("a warp intrinsic waits for a lane that has returned");
    if (warp.arrived && warp.meeting != meeting) fail("lanes meet in different warp intrinsics");
    Brought& brought = warp.brought[warp.meetings % 2];
    std::memcpy(brought.of_lane[now->lane], &value, sizeof value);
    warp.meeting = meeting;
    warp.arrived |= 1u << now->lane;
    if (warp.arrived != ALL) {
        wait(State::at_warp);
        return brought;
    }
    warp.arrived = 0;
    ++warp.meetings;
    Thread* first = now - now->lane;
    for (unsigned lane = 0; lane < LANES_OF_WARP; ++lane) first[lane].state = State::ready;
    return brought;
}

template <class T>
T shuffle(unsigned mask, T value, int from, bool inside) {
    const Brought& brought = meet(Meeting::shuffle, mask, value);
    if (inside) std::memcpy(&value, brought.of_lane[from], sizeof value);
    return value;
}

inline unsigned ballot(unsigned mask, bool mine) {
    const Brought& brought = meet(Meeting::ballot, mask, mine);
    unsigned all = 0;
    for (unsigned lane = 0; lane < LANES_OF_WARP; ++lane)
        all |= unsigned(brought.of_lane[lane][0] & 1) << lane;
    return all;
}

inline void wake_block() {
    block.at_block = 0;
    for (Thread& t : block.threads)
        if (t.state == State::at_block) t.state = State::ready;
}

// What the kernels' ptx.cuh hands out as `extern __shared__`.
inline unsigned char* dynamic_shared() { return block.shared.get(); }

inline void sync_block() {
    if (++block.at_block == block.alive) wake_block();
    else wait(State::at_block);
}

inline void entry() {
    entered();
    try {
        block.body();
    } catch (const std::exception& e) {
        block.failure = e.what();
    }
    now->state = State::returned;
    now->warp->alive &= ~(1u << now->lane);
    --block.alive;
    if (now->warp->arrived && block.failure.empty())
        block.failure = "a warp intrinsic waits for a lane that has returned";
    leave_for_good(now->fiber);
}

// Dynamic shared memory holds what was there before: here always bytes that are NaN as floats.
constexpr int LEFT_OVER = 0xFF;

inline void begin_block(unsigned index, unsigned threads) {
    block.index = {index, 0, 0};
    std::memset(block.shared.get(), LEFT_OVER, block.shared_bytes);
    block.alive = threads;
    block.at_block = 0;
    block.warps.assign((threads + LANES_OF_WARP - 1) / LANES_OF_WARP, Warp{});
    for (unsigned i = 0; i < threads; ++i) {
        Thread& t = block.threads[i];
        t.index = {i, 0, 0};
        t.lane = i % LANES_OF_WARP;
        t.warp = &block.warps[i / LANES_OF_WARP];
        t.warp->alive |= 1u << t.lane;
        t.state = State::ready;
        start(t.fiber, entry);
    }
}

// One turn for every thread that can go on. False: none could.
inline bool turn(const std::vector<unsigned>& order) {
    bool moved = false;
    for (unsigned i : order) {
        if (block.threads[i].state != State::ready) continue;
        moved = true;
        now = &block.threads[i];
        enter(now->fiber);
        if (!block.failure.empty()) throw Error(block.failure);
        if (block.at_block && block.at_block == block.alive) wake_block();
    }
    return moved;
}

// The last warp as far as it gets by itself, then the one before it. False: no thread could go on.
inline bool turn_by_warps(std::size_t threads) {
    bool moved = false;
    for (std::size_t end = threads; end > 0;) {
        const std::size_t begin = (end - 1) / LANES_OF_WARP * LANES_OF_WARP;
        std::vector<unsigned> lanes;
        for (std::size_t i = begin; i < end; ++i) lanes.push_back(unsigned(i));
        while (turn(lanes)) moved = true;
        end = begin;
    }
    return moved;
}

// order: 0 forward, 1 backward, 2 a warp as far as it gets, above a shuffle with that seed, anew
// each turn. A result that depends on it is a race. Blocks before `first` are left out.
inline void launch(unsigned grid, unsigned threads, unsigned order, unsigned first,
                   unsigned shared_bytes, std::function<void()> body) {
    block.shared.reset(new unsigned char[shared_bytes]);  // from a multiple of 16 bytes
    block.shared_bytes = shared_bytes;
    block.grid = dim3(grid);
    block.size = dim3(threads);
    block.body = std::move(body);
    block.failure.clear();
    while (block.threads.size() < threads) {
        block.threads.emplace_back();
        block.threads.back().fiber.stack = new_stack();
    }
    std::mt19937 random(order);
    std::vector<unsigned> turns(threads);
    for (unsigned i = 0; i < threads; ++i) turns[i] = order == 1 ? threads - 1 - i : i;
    for (unsigned b = first; b < grid; ++b) {
        begin_block(b, threads);
        while (block.alive) {
            if (order > 2) std::shuffle(turns.begin(), turns.end(), random);
            const bool moved = order == 2 ? turn_by_warps(threads) : turn(turns);
            if (!moved) throw Error("deadlock in block " + std::to_string(b));
        }
    }
}

template <class... A, std::size_t... I>
void call(void (*kernel)(A...), void** arguments, std::index_sequence<I...>) {
    kernel(*static_cast<std::decay_t<A>*>(arguments[I])...);
}

// What host_module.py calls: `sizes` are grid, threads, order, first, bytes of dynamic shared
// memory. 0, or 1 with a message.
template <class... A>
int run(void (*kernel)(A...), const unsigned* sizes, void** arguments, char* message,
        std::size_t room) {
    try {
        launch(sizes[0], sizes[1], sizes[2], sizes[3], sizes[4],
               [=] { call(kernel, arguments, std::index_sequence_for<A...>{}); });
        return 0;
    } catch (const std::exception& e) {
        std::snprintf(message, room, "%s", e.what());
        return 1;
    }
}

}  // namespace cuhost

#include "intrinsics.hpp"
