// SPDX-License-Identifier: Apache-2.0

#include "runtime/foresight.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "planner/mix.h"

namespace bwrt::runtime {
namespace {

planner::PredictionLimits prediction_limits(const bwrt_planner& options) {
    return {.chain_count = options.prefetch_chain_count_max};
}

planner::PredictionRule prediction_rule(const bwrt_planner& options) {
    planner::PredictionRule rule;
    rule.wasted_milli_max = options.prefetch_wasted_milli;
    rule.horizon_ns = options.prefetch_horizon_ns;
    rule.held_bytes_max = options.prefetch_bytes_max;
    return rule;
}

[[nodiscard]] bool is_child(const BlockTask& task, const BlockTask& parent) noexcept {
    return task.has_parent && task.tenant == parent.tenant &&
           task.parent.part == parent.name.part &&
           std::memcmp(task.parent.identity, parent.name.identity, sizeof parent.name.identity) ==
               0;
}

}  // namespace

// Callers make identities of their own, and may have put anything into their first bytes.
std::uint64_t Foresight::chain_key(const void* identity, std::uint32_t part,
                                   std::uint16_t tenant) noexcept {
    std::array<std::uint64_t, 4> words;
    static_assert(sizeof words == sizeof(BlockName::identity));
    std::memcpy(words.data(), identity, sizeof words);
    std::uint64_t key = planner::kGolden * (std::uint64_t{tenant} << 32 | part);
    for (const std::uint64_t word : words) key = planner::mix((key ^ word) + planner::kGolden);
    return key;
}

Foresight::Foresight(Tables* tables, PlanLane* plans)
    : store_(*tables->store),
      plans_(*plans),
      window_ns_(tables->planner.window_ns),
      bytes_max_(tables->planner.prefetch_bytes_max),
      predictor_(prediction_limits(tables->planner), prediction_rule(tables->planner)),
      orders_(kOrderCount),
      blocks_(kBlockCount) {
    keys_.reserve(2 * kKeyCount);
    path_.reserve(kPathCountMax);
    for (std::uint32_t i = kBlockCount; i > 0; --i) {
        blocks_[i - 1].next = free_block_;
        free_block_ = i - 1;
    }
    store_.watch_host(this);
}

Foresight::~Foresight() { store_.watch_host(nullptr); }

// ---- what happens

void Foresight::started(const Wave& wave) noexcept {
    Run run;
    for (const BlockTask* task = wave.blocks; task != nullptr; task = task->next) {
        const Use use = task->kind == BWRT_OP_GET || task->kind == BWRT_OP_PIN ? Use::kReads
                        : task->kind == BWRT_OP_PUT                            ? Use::kStores
                                                                               : Use::kNone;
        if (run.use != use || (run.last != nullptr && !is_child(*task, *run.last))) {
            end_run(&run, wave);
        }
        if (use == Use::kNone) continue;
        const std::uint16_t tenant = task->tenant->index;
        if (run.last == nullptr && task->has_parent) {
            add_key(chain_key(task->parent.identity, task->parent.part, tenant));
        }
        add_key(chain_key(task->name.identity, task->name.part, tenant));
        run = {use, task, run.bytes + task->length_bytes};
    }
    end_run(&run, wave);
}

// Nobody looks at more than the last kKeyCount.
void Foresight::add_key(std::uint64_t key) noexcept {
    if (keys_.size() == keys_.capacity()) {
        std::copy(keys_.end() - kKeyCount, keys_.end(), keys_.begin());
        keys_.resize(kKeyCount);
    }
    keys_.push_back(key);
}

void Foresight::end_run(Run* run, const Wave& wave) noexcept {
    if (run->last != nullptr) {
        const planner::ChainUse use = {.blocks = keys_,
                                       .bytes = run->bytes,
                                       .session = wave.session,
                                       .tenant = run->last->tenant->index};
        if (run->use == Use::kReads) {
            predictor_.used(use, store_.now_ns());
        } else {
            predictor_.extended(use, store_.now_ns());
        }
        has_news_ = true;
        must_check_ = order_count_ != 0;
    }
    keys_.clear();
    *run = {};
}

void Foresight::not_in_host(std::uint32_t entry) noexcept {
    predictor_.evicted(key_of(entry), store_.now_ns(), entry);
    has_news_ = true;
    must_check_ = order_count_ != 0;
}

// ---- a turn

std::uint64_t Foresight::next_timer_ns() const noexcept {
    if (rests_) return kNeverNs;
    std::uint64_t next_ns = std::max(predictor_.next_look_ns(), due_ns_);
    if (wants_list()) next_ns = std::min(next_ns, due_ns_);
    for (std::uint32_t i = order_first_; i != kNone; i = orders_[i].next) {
        if (orders_[i].state != State::kOver) next_ns = std::min(next_ns, orders_[i].until_ns);
    }
    return next_ns;
}

bool Foresight::wants_list() const noexcept {
    return has_news_ && predictor_.has_candidates() && order_count_ < kOrderCount;
}

bool Foresight::turn(std::uint64_t now_ns) noexcept {
    if (rests_) return false;
    drop_orders();
    const bool is_due = has_news_ || predictor_.next_look_ns() <= now_ns;
    if (!is_due || now_ns < due_ns_) return false;
    path_left_ = kPathCountMax;
    const bool listed = list_one();
    if (listed || predictor_.is_behind()) return true;
    due_ns_ = now_ns + window_ns_;
    return false;
}

// Those that nobody waits for any more.
void Foresight::drop_orders() noexcept {
    for (std::uint32_t i = order_first_; i != kNone;) {
        Order* const order = &orders_[i];
        i = order->next;
        if (order->state == State::kOver) continue;
        if (must_check_ && !predictor_.waits_for(order->key)) {
            finish(order);
        } else if (store_.now_ns() >= order->until_ns) {
            order->state == State::kNear ? finish(order) : fail(order);
        }
    }
    must_check_ = false;
}

// What is looked at is looked at once, and the next in another turn.
bool Foresight::list_one() noexcept {
    has_news_ = false;
    planner::Prediction prediction;
    std::array<std::uint64_t, kLetGoCount> let_go;
    const bool has_room = order_count_ < kOrderCount;
    const planner::PredictionCounts counts =
        predictor_.plan({.now_ns = store_.now_ns(),
                         .bytes_max = bytes_max_,
                         .missing_bytes = missing_bytes,
                         .store = this,
                         .look_count_max = kLookCount,
                         .fetch_out = {&prediction, has_room ? std::size_t{1} : std::size_t{0}},
                         .let_go_out = let_go});
    if (counts.let_go_count != 0) must_check_ = true;
    if (counts.fetch_count == 0) return counts.let_go_count != 0;
    has_news_ = true;  // there may be more
    make_order(prediction);
    return true;
}

std::uint64_t Foresight::missing_bytes(void* self, std::uint64_t key, std::uint32_t mark) noexcept {
    return static_cast<Foresight*>(self)->find_missing(key, mark);
}

// 0 where something of it cannot be had any more, or it is more than may ever be held, too: then
// there is nothing to fetch.
std::uint64_t Foresight::find_missing(std::uint64_t key, std::uint32_t mark) noexcept {
    path_.clear();
    path_there_ = kNoHostBlock;
    path_bytes_ = 0;
    path_until_ns_ = kNeverNs;
    std::uint64_t missing_bytes = 0;
    std::uint32_t count = 0, window_left = kNone;
    for (std::uint32_t entry = mark; entry != kNoEntry; ++count) {
        if (!store_.index().is_used(entry) || (count == 0 && key_of(entry) != key)) return 0;
        const BlockFields fields = store_.index().fields_of(entry);
        const bool is_there = (fields.flags & kInHost) != 0;
        if (!is_there && (fields.flags & kOnDisk) == 0) return 0;
        if (is_there && count == 0) return 0;
        path_bytes_ += place_bytes(fields.length_bytes);
        if (count == kPathCountMax || path_bytes_ > bytes_max_) return 0;
        if (path_left_ == 0 || path_.size() == free_block_count_) return ~std::uint64_t{0};
        --path_left_;
        if (is_there) {
            if (path_there_ == kNoHostBlock) path_there_ = fields.host_place;
        } else {
            path_.push_back(entry);
            missing_bytes += place_bytes(fields.length_bytes);
        }
        const planner::Arrival block = arrival_of(entry, fields);
        if (block.expires != 0) {
            const std::uint64_t until_ns = std::uint64_t{block.expires - 1} << planner::kTickShift;
            path_until_ns_ = std::min(path_until_ns_, until_ns);
        }
        if (block.closure == planner::Closure::kLastState) break;
        if (block.closure == planner::Closure::kWindow) {
            window_left = std::min(window_left, block.window_count);
        }
        if (window_left != kNone && window_left-- == 0) break;
        entry = block.parent;
    }
    return path_bytes_ > bytes_max_ - held_bytes_ ? ~std::uint64_t{0} : missing_bytes;
}

// Its parent as an entry of the index.
planner::Arrival Foresight::arrival_of(std::uint32_t entry,
                                       const BlockFields& fields) const noexcept {
    const bool on_disk = (fields.flags & kOnDisk) != 0;
    planner::Arrival block = on_disk ? store_.disk().policy().arrival_of(entry)
                                     : store_.host().policy().arrival_of(fields.host_place);
    if (block.parent == planner::kNoBlock) {
        block.parent = kNoEntry;
    } else if (!on_disk) {
        block.parent = store_.host().entry_of(block.parent);
    }
    return block;
}

// ---- what was counted

void Foresight::snapshot(bwrt_counters* counters_out) const noexcept {
    const planner::PredictionReport report = predictor_.report();
    counters_out->prefetch_count = report.ordered.count;
    counters_out->prefetch_bytes = report.ordered.bytes;
    counters_out->prefetch_right_count = report.right.count;
    counters_out->prefetch_right_bytes = report.right.bytes;
    counters_out->prefetch_late_count = report.late.count;
    counters_out->prefetch_late_bytes = report.late.bytes;
    counters_out->prefetch_wasted_count = report.wasted.count;
    counters_out->prefetch_wasted_bytes = report.wasted.bytes;
    counters_out->prefetch_failed_count = report.failed.count;
    counters_out->prefetch_failed_bytes = report.failed.bytes;
    counters_out->prefetch_open_count = report.open.count;
    counters_out->prefetch_open_bytes = report.open.bytes;
    counters_out->prefetch_lead_ns = report.lead_ns;
    counters_out->prefetch_missed_count = report.returned_gone.count;
}

}  // namespace bwrt::runtime
