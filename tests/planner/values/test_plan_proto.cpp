// SPDX-License-Identifier: Apache-2.0
//
// test_plan_proto.cpp — bindings/proto/bwrt_plan.proto has the fields that the reader of JSON has,
// with the same numbers, types and names, and no other.
//
// The file is read as text: a line of it is a field, a value, or the beginning of a message.

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "planner/values/plan_fields.h"
#include "planner/values/wave_fields.h"
#include "tests/support/cmocka.h"

namespace {

using namespace bwrt::planner;

struct Line {
    std::string type;  // of a value of an enumeration: empty
    std::string name;

    friend bool operator==(const Line&, const Line&) = default;
};
using Lines = std::map<std::pair<std::string, unsigned>, Line>;  // by message and number

// The words of a line up to its end or its comment.
std::vector<std::string> words_of(const std::string& line) {
    std::vector<std::string> words;
    std::istringstream stream(line.substr(0, line.find_first_of(";{/")));
    for (std::string word; stream >> word;) words.push_back(word);
    return words;
}

Lines read_proto() {
    std::ifstream file(BWRT_PROTO_FILE);
    Lines lines;
    std::string message;
    for (std::string line; std::getline(file, line);) {
        const std::vector<std::string> words = words_of(line);
        const std::size_t count = words.size();
        if (count == 2 && (words[0] == "message" || words[0] == "enum")) message = words[1];
        if (count < 3 || words[count - 2] != "=" || message.empty()) continue;
        std::string type;
        for (std::size_t i = 0; i + 3 < count; ++i) type += (i == 0 ? "" : " ") + words[i];
        lines[{message, std::stoul(words[count - 1])}] = {type, words[count - 3]};
    }
    return lines;
}

// Takes the message's fields out of the lines; how many are not there, or otherwise.
template <typename Message>
int missing_count(Lines& lines) {
    int count = 0;
    Message message{};
    visit_fields(message, [&](const Field& field, auto&) {
        if (field.number == 0) return;
        const auto line = lines.find({kMessageName<Message>, field.number});
        const bool is_there = line != lines.end() && line->second.type == field.type &&
                              (line->second.name == field.name ||
                               (field.alias != nullptr && line->second.name == field.alias));
        if (is_there) {
            lines.erase(line);
            return;
        }
        print_error("%s.%s = %u\n", kMessageName<Message>, field.name, field.number);
        ++count;
    });
    return count;
}

int missing_values(Lines& lines, const char* name, const EnumName* names) {
    int count = 0;
    for (; names->name != nullptr; ++names) {
        const auto line = lines.find({name, names->number});
        if (line != lines.end() && line->second == Line{"", names->name}) {
            lines.erase(line);
        } else {
            ++count;
        }
    }
    return count;
}

void the_file_has_each_field_and_no_other(void**) {
    Lines lines = read_proto();

    assert_true(lines.size() > 60);
    assert_int_equal(missing_count<KvPageRef>(lines), 0);
    assert_int_equal(missing_count<TransferOp>(lines), 0);
    assert_int_equal(missing_count<RequestVerdict>(lines), 0);
    assert_int_equal(missing_count<CachePlan>(lines), 0);
    assert_int_equal(missing_count<FileChunk>(lines), 0);
    assert_int_equal(missing_count<WeightManifest>(lines), 0);
    assert_int_equal(missing_count<SwapWindow>(lines), 0);
    assert_int_equal(missing_count<SwapPlan>(lines), 0);
    assert_int_equal(missing_count<TileCoord>(lines), 0);
    assert_int_equal(missing_count<ClusterShape>(lines), 0);
    assert_int_equal(missing_count<TmemLayout>(lines), 0);
    assert_int_equal(missing_count<IoExtent>(lines), 0);
    assert_int_equal(missing_count<WaveForms>(lines), 0);
    assert_int_equal(missing_values(lines, "TransferKind", kEnumNames<TransferKind>), 0);
    assert_int_equal(missing_values(lines, "Verdict", kEnumNames<VerdictName>), 0);
    for (const auto& [place, line] : lines) {
        print_error("only the file has %s.%s\n", place.first.c_str(), line.name.c_str());
    }
    assert_true(lines.empty());
}

// What other programs already wrote: a number is never given to another field.
void the_numbers_are_the_shared_ones(void**) {
    const Lines lines = read_proto();
    const std::tuple<const char*, unsigned, const char*> kShared[] = {
        {"FileChunk", 1, "path"},
        {"FileChunk", 2, "offset"},
        {"FileChunk", 3, "length"},
        {"FileChunk", 4, "sha256"},
        {"WeightManifest", 1, "model_id"},
        {"WeightManifest", 2, "version"},
        {"WeightManifest", 3, "files"},
        {"SwapWindow", 1, "t_start_ns"},
        {"SwapWindow", 2, "t_deadline_ns"},
        {"KvPageRef", 1, "tensor"},
        {"KvPageRef", 2, "page"},
        {"KvPageRef", 3, "head"},
        {"KvPageRef", 4, "layer"},
        {"TransferKind", 0, "KIND_UNSPECIFIED"},
        {"TransferKind", 1, "H2D"},
        {"TransferKind", 2, "D2H"},
        {"TransferKind", 3, "P2P"},
        {"TransferKind", 4, "STORAGE2H"},
        {"TransferOp", 1, "kind"},
        {"TransferOp", 2, "src"},
        {"TransferOp", 3, "dst"},
        {"TransferOp", 4, "length"},
        {"TransferOp", 5, "src_offset"},
        {"TransferOp", 6, "dst_offset"},
        {"TransferOp", 7, "kv_refs"},
        {"TransferOp", 8, "note"},
        {"CachePlan", 1, "plan_id"},
        {"CachePlan", 2, "ops"},
        {"CachePlan", 3, "prefetch"},
        {"CachePlan", 4, "evict"},
        {"SwapPlan", 1, "plan_id"},
        {"SwapPlan", 2, "from"},
        {"SwapPlan", 3, "to"},
        {"SwapPlan", 4, "ops"},
        {"SwapPlan", 5, "window"},
        {"WaveSpec", 1, "pack_order"},
        {"WaveSpec", 2, "tile_order"},
        {"WaveSpec", 3, "bm"},
        {"WaveSpec", 4, "bn"},
        {"WaveSpec", 5, "bk"},
        {"WaveSpec", 6, "cluster_shape"},
        {"WaveSpec", 7, "tmem_layout"},
        {"WaveSpec", 8, "io_extents"},
        {"WaveSpec", 9, "swap_begin"},
        {"WaveSpec", 10, "swap_end"},
    };

    for (const auto& [message, number, name] : kShared) {
        const auto line = lines.find({message, number});
        assert_true(line != lines.end());
        assert_string_equal(line->second.name.c_str(), name);
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(the_file_has_each_field_and_no_other),
        cmocka_unit_test(the_numbers_are_the_shared_ones),
    };
    return cmocka_run_group_tests_name("bindings/proto/bwrt_plan.proto", tests, nullptr, nullptr);
}
