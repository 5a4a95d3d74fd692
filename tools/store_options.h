// SPDX-License-Identifier: Apache-2.0
//
// store_options.h — what the subcommands of `bwrt store` have in common: which store, which of its
// shards, whose blocks.
//
// They look into files and so know runtime/store/, which is compiled into the command for them; all
// else of it knows the public header only.

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "runtime/store/inspect.h"
#include "runtime/store/tenant.h"
#include "tools/commands.h"
#include "tools/output.h"

namespace bwrt::tools {

// A store as the options name it, open for reading.
class OpenedStore {
 public:
    // Throws a Failure with the library's sentence.
    explicit OpenedStore(const StoreOptions& options);

    const runtime::StoreDirectories& directories() const { return directories_; }
    const std::vector<std::string>& shards() const { return shards_; }  // those asked for
    runtime::Shard open_shard(const std::string& name, bool lock = false) const;

 private:
    runtime::StoreDirectories directories_;
    std::vector<std::string> shards_;
};

// Keys by space.  Tenant 0's are always among them; the others' secrets come from --secret-file,
// one for each --tenant but 0, in their order.
using Keys = std::map<std::uint64_t, runtime::TenantKeys>;
Keys keys_of(const StoreOptions& options, const OpenedStore& store);

// Spaces of the tenants that were named.
std::vector<std::uint64_t> spaces_of(const StoreOptions& options, const OpenedStore& store);

std::string hex(const std::uint8_t* bytes, std::size_t count);
std::string hex(std::uint64_t word);  // 16 digits

// False where the text is not exactly so many bytes in hexadecimal digits.
bool parse_hex(const std::string& text, std::uint8_t* bytes_out, std::size_t count);

// `call(sink)`, or a Failure with the sentence.
template <typename Call>
void must_do(Call&& call) {
    bwrt_error error = {};
    must(call(runtime::ErrorSink{&error}), error);
}

}  // namespace bwrt::tools
