// SPDX-License-Identifier: Apache-2.0

#include "tools/replay/trace_write.h"

namespace bwrt::replay {
namespace {

// Names were scanned as UTF-8, so these are all that JSON wants escaped.
std::string quoted(const std::string& name) {
    constexpr const char* kDigits = "0123456789abcdef";
    std::string text = "\"";
    for (const char byte : name) {
        const auto code = static_cast<unsigned char>(byte);
        if (code < 0x20) {
            text += std::string("\\u00") + kDigits[code >> 4] + kDigits[code & 15];
            continue;
        }
        if (byte == '"' || byte == '\\') text += '\\';
        text += byte;
    }
    return text + "\"";
}

}  // namespace

void append_line(const Trace& trace, std::size_t request, std::string& text_out) {
    const TraceRequest& asked = trace.request(request);
    text_out += "{\"timestamp\": " + std::to_string(asked.arrival_us / 1000) +
                ", \"input_length\": " + std::to_string(asked.input_tokens) +
                ", \"output_length\": " + std::to_string(asked.output_tokens);
    if (asked.session != 0) text_out += ", \"session_id\": " + std::to_string(asked.session);
    if (asked.tenant != 0)
        text_out += ", \"tenant\": " + quoted(trace.tenants()[asked.tenant].name);
    text_out += ", \"hash_ids\": [";
    const char* between = "";
    for (const std::uint32_t block : trace.blocks_of(request)) {
        text_out += between;
        text_out += std::to_string(trace.id(block));
        between = ", ";
    }
    text_out += "]}\n";
}

}  // namespace bwrt::replay
