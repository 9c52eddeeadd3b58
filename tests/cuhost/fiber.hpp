// One fiber per CUDA thread: a stack of its own and a switch to and from the host's.
//
// ucontext was rejected: two system calls a switch, 456 ns against 80. C++20 coroutines are faster
// still, but the kernels would have to say co_await, and their source is to stay as it is.
#pragma once
#include <cstddef>
#include <cstdlib>
#include <stdexcept>
#include <sys/mman.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define CUHOST_ASAN(call) call
#else
#define CUHOST_ASAN(call)
#endif
#if !defined(__x86_64__)
#error "the switch between fibers is written for x86-64 only"
#endif

// Saves what the ABI calls callee-saved, exchanges the stack pointers, restores.
extern "C" void cuhost_switch(void** save, void* load);
__asm__(R"(.text
.weak cuhost_switch
.type cuhost_switch,@function
cuhost_switch:
 pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15
 movq %rsp,(%rdi)
 movq %rsi,%rsp
 popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp
 ret
.size cuhost_switch,.-cuhost_switch
)");

namespace cuhost {

constexpr std::size_t STACK = 128 << 10;
constexpr std::size_t GUARD = 64 << 10;  // forbidden memory below each stack

// `at` is the saved stack pointer, `shadow` what AddressSanitizer keeps of the stack meanwhile.
struct Fiber {
    void* at = nullptr;
    unsigned char* stack = nullptr;
    void* shadow = nullptr;
};

struct Host {
    void* at = nullptr;
    void* shadow = nullptr;
    const void* stack = nullptr;
    std::size_t size = 0;
};
inline thread_local Host host;

inline unsigned char* new_stack() {
    void* memory = mmap(nullptr, GUARD + STACK, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("no memory for the stack of a fiber");
    auto* stack = static_cast<unsigned char*>(memory) + GUARD;
    if (mprotect(stack, STACK, PROT_READ | PROT_WRITE))
        throw std::runtime_error("no memory for the stack of a fiber");
    return stack;
}

// Makes the fiber begin at `entry` when it is entered next. `entry` never returns.
inline void start(Fiber& fiber, void (*entry)()) {
    // The fiber that ran here before may not have unwound.
    CUHOST_ASAN(__asan_unpoison_memory_region(fiber.stack, STACK);)
    auto** top = reinterpret_cast<void**>(fiber.stack + STACK - 64);
    *--top = nullptr;  // where `entry` would return to; keeps its stack aligned to 16 bytes
    *--top = reinterpret_cast<void*>(entry);
    for (int i = 0; i < 6; ++i) *--top = nullptr;
    fiber.at = top;
    fiber.shadow = nullptr;
}

inline void enter(Fiber& fiber) {
    CUHOST_ASAN(__sanitizer_start_switch_fiber(&host.shadow, fiber.stack, STACK);)
    cuhost_switch(&host.at, fiber.at);
    CUHOST_ASAN(__sanitizer_finish_switch_fiber(host.shadow, nullptr, nullptr);)
}

// The first thing that a fiber does.
inline void entered() {
    CUHOST_ASAN(__sanitizer_finish_switch_fiber(nullptr, &host.stack, &host.size);)
}

inline void leave(Fiber& fiber) {
    CUHOST_ASAN(__sanitizer_start_switch_fiber(&fiber.shadow, host.stack, host.size);)
    cuhost_switch(&fiber.at, host.at);
    CUHOST_ASAN(__sanitizer_finish_switch_fiber(fiber.shadow, nullptr, nullptr);)
}

inline void leave_for_good(Fiber& fiber) {
    CUHOST_ASAN(__sanitizer_start_switch_fiber(nullptr, host.stack, host.size);)
    cuhost_switch(&fiber.at, host.at);
    std::abort();
}

}  // namespace cuhost
