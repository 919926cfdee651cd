// Calls every kernel of the host with recorded arguments and compares its outputs with the recorded ones, bit for bit.
// Without Python, so that it runs on other processors and under ThreadSanitizer. Argument: a file of record.py.
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "bindings/kernels.h"

using namespace pymetrics;
using namespace pymetrics::bindings;

namespace {

constexpr unsigned char kFilled = 0xA5;  // what outputs hold before a call

[[noreturn]] void die(const std::string& why) {
    std::fprintf(stderr, "replay: %s\n", why.c_str());
    std::exit(2);
}

struct Input {
    std::ifstream file;

    void read(void* to, index_t n) {
        if (n && !file.read(static_cast<char*>(to), n)) die("the file ends within a call");
    }
    index_t integer() {
        index_t value = 0;
        read(&value, 8);
        return value;
    }
    std::string text() {
        std::string out(std::size_t(integer()), '\0');
        read(&out[0], index_t(out.size()));
        return out;
    }
};

enum Kind : index_t { kInteger, kNumber, kInput, kOutput };

struct Argument {
    index_t kind = 0, integer = 0, item_size = 0;
    double number = 0;
    std::vector<index_t> shape;
    std::string bytes;             // of an output: after the call
    std::unique_ptr<char[]> data;  // of exactly their length, so that AddressSanitizer sees a step beyond
};

Argument read_argument(Input& in) {
    Argument out;
    out.kind = in.integer();
    if (out.kind == kInteger) {
        out.integer = in.integer();
    } else if (out.kind == kNumber) {
        in.read(&out.number, 8);
    } else if (out.kind == kInput || out.kind == kOutput) {
        out.item_size = in.integer();
        out.shape.resize(std::size_t(in.integer()));
        for (index_t& n : out.shape) n = in.integer();
        out.bytes = in.text();
        out.data.reset(new char[out.bytes.size()]);
    } else {
        die("an argument of kind " + std::to_string(out.kind));
    }
    return out;
}

void set_data(Argument& argument) {
    if (argument.kind == kOutput) std::memset(argument.data.get(), kFilled, argument.bytes.size());
    if (argument.kind == kInput) std::memcpy(argument.data.get(), argument.bytes.data(), argument.bytes.size());
}

struct Call {
    std::string kernel;
    std::vector<Argument> arguments;
};

void fill(index_t& member, const Argument& from, const char* name) {
    if (from.kind != kInteger) die(std::string(name) + ": not recorded as an integer");
    member = from.integer;
}

void fill(double& member, const Argument& from, const char* name) {
    if (from.kind != kNumber && from.kind != kInteger) die(std::string(name) + ": not recorded as a number");
    member = from.kind == kNumber ? from.number : double(from.integer);
}

template <class T, int Rank>
void fill(View<T, Rank>& member, const Argument& from, const char* name) {
    if (from.kind < kInput || from.item_size != index_t(sizeof(T)) || from.shape.size() != Rank)
        die(std::string(name) + ": recorded with another type");
    if (!std::is_const_v<T> && from.kind != kOutput) die(std::string(name) + ": an output, recorded as an input");
    member.data = reinterpret_cast<T*>(from.data.get());
    for (int i = 0; i < Rank; ++i) member.shape[i] = from.shape[std::size_t(i)];
}

template <class Arguments>
Arguments arguments_of(const Call& call) {
    Arguments out = {};
    std::size_t i = 0;
    out.each([&](const char* name, auto& member) {
        if (i == call.arguments.size()) die(call.kernel + ": too few arguments");
        fill(member, call.arguments[i++], name);
    });
    if (i != call.arguments.size()) die(call.kernel + ": too many arguments");
    return out;
}

// Where item i has other bytes than the recorded one. A NaN's bits are the processor's choice: ARM's and x86's own NaN
// differ in the sign, so any NaN stands for any other.
template <class T>
bool differs(const char* got, const char* wanted, index_t i) {
    T a, b;
    std::memcpy(&a, got + i * index_t(sizeof a), sizeof a);
    std::memcpy(&b, wanted + i * index_t(sizeof b), sizeof b);
    return std::memcmp(&a, &b, sizeof a) != 0 && (a == a || b == b);
}

// Whether all outputs are as recorded; else it says which are not, and where first.
template <class Arguments>
bool as_recorded(const Call& call, Arguments of, index_t n_threads) {
    bool equal = true;
    std::size_t i = 0;
    of.each([&](const char* name, auto& member) {
        const Argument& argument = call.arguments[i++];
        if constexpr (!std::is_arithmetic_v<std::decay_t<decltype(member)>>) {
            using Item = std::remove_const_t<std::remove_pointer_t<decltype(member.data)>>;
            const index_t n = argument.kind == kOutput ? index_t(argument.bytes.size() / sizeof(Item)) : 0;
            for (index_t j = 0; j < n; ++j) {
                if (!differs<Item>(argument.data.get(), argument.bytes.data(), j)) continue;
                std::fprintf(stderr, "%s: %s differs at %lld of %lld, with %lld threads\n", call.kernel.c_str(), name,
                             (long long)j, (long long)n, (long long)n_threads);
                equal = false;
                break;
            }
        }
    });
    return equal;
}

template <class Arguments>
void invoke(void (*kernel)(const Arguments&), const Arguments& of, index_t) {
    kernel(of);
}

template <class Arguments>
void invoke(void (*kernel)(const Arguments&, const Threads&), const Arguments& of, index_t n_threads) {
    kernel(of, Threads{n_threads, [] { return false; }});
}

using Replay = std::function<bool(Call&)>;

template <class Kernel, class Arguments>
Replay replay(Kernel kernel, void (*require)(const Arguments&)) {
    return [=](Call& call) {
        bool equal = true;
        for (const index_t n_threads : {1, 2, 5}) {
            for (Argument& argument : call.arguments) set_data(argument);
            const auto of = arguments_of<Arguments>(call);
            require(of);
            invoke(kernel, of, n_threads);
            equal &= as_recorded(call, of, n_threads);
        }
        return equal;
    };
}

}  // namespace

int main(int n, char** given) {
    if (n != 2) die("one argument is expected, a file of record.py");
    std::map<std::string, Replay> kernels;
    each_kernel([&](const char* name, auto kernel, auto require) { kernels[name] = replay(kernel, require); });
    Input in = {std::ifstream(given[1], std::ios::binary)};
    std::set<std::string> seen;
    index_t n_calls = 0, n_wrong = 0;
    while (in.file.peek() != std::ifstream::traits_type::eof()) {
        Call call;
        call.kernel = in.text();
        if (!kernels.count(call.kernel)) die("no kernel " + call.kernel);
        for (index_t i = in.integer(); i > 0; --i) call.arguments.push_back(read_argument(in));
        seen.insert(call.kernel);
        ++n_calls;
        n_wrong += !kernels[call.kernel](call);
    }
    for (const auto& kernel : kernels)
        if (!seen.count(kernel.first)) die("no call of " + kernel.first + " is recorded");
    std::printf("%lld calls of %zu kernels, %lld with other outputs than the reference's\n", (long long)n_calls,
                seen.size(), (long long)n_wrong);
    return n_wrong > 0;
}
