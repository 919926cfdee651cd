#include "panoptic.h"

#include <vector>

namespace pymetrics::cpu {
namespace {

constexpr index_t kPixels = 4096;  // between two looks for an interrupt

// Two pixels: category and instance predicted, category and instance in truth.
bool is_color(const index_t* color, const index_t* pred, const index_t* target) {
    return color[0] == pred[0] && color[1] == pred[1] && color[2] == target[0] && color[3] == target[1];
}

// Where the search for a pair begins: the upper bits of a product, which depend on all bits of its factors.
std::size_t slot_of(const index_t* pred, const index_t* target, int shift) {
    word_t mixed = 0;
    for (index_t value : {pred[0], pred[1], target[0], target[1]})
        mixed = (mixed ^ word_t(value)) * 0x9E3779B97F4A7C15u ^ mixed >> 29;
    return std::size_t(mixed * 0x9E3779B97F4A7C15u >> shift);
}

}  // namespace

void panoptic_pairs(const PanopticPairs& of, const Threads& threads) {
    const index_t n_pixels = of.preds.shape[1], room = of.colors.shape[1];
    int n_bits = 1;
    while (index_t(1) << n_bits < 2 * room) ++n_bits;
    parallel_for(of.begin, of.end, 1, threads, [&](Interrupt& interrupt) {
        return [&, slots = std::vector<index_t>()](index_t low, index_t high) mutable {
            for (index_t b = low; b < high; ++b) {
                slots.assign(std::size_t(1) << n_bits, -1);
                const std::size_t last = slots.size() - 1;
                const index_t *pred = of.preds.data + b * n_pixels * 2, *target = of.target.data + b * n_pixels * 2;
                index_t *colors = of.colors.data + b * room * 4, *areas = of.areas.row(b);
                index_t n = 0, pair = 0;
                for (index_t i = 0; i < n_pixels; ++i, pred += 2, target += 2) {
                    if (n == 0 || !is_color(colors + 4 * pair, pred, target)) {
                        std::size_t at = slot_of(pred, target, 64 - n_bits);
                        while (slots.data()[at] >= 0 && !is_color(colors + 4 * slots.data()[at], pred, target))
                            at = (at + 1) & last;
                        if (slots.data()[at] < 0) {
                            if (n == room) {
                                n = room + 1;
                                break;
                            }
                            slots.data()[at] = n;
                            index_t* color = colors + 4 * n;
                            color[0] = pred[0];
                            color[1] = pred[1];
                            color[2] = target[0];
                            color[3] = target[1];
                            areas[n++] = 0;
                        }
                        pair = slots.data()[at];
                    }
                    ++areas[pair];
                    if (i % kPixels == 0 && interrupt.stopped_after(kPixels)) return;
                }
                of.n_pairs[b] = n;
            }
        };
    });
}

}  // namespace pymetrics::cpu
