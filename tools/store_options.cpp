// SPDX-License-Identifier: Apache-2.0
//
// store_options.cpp — see store_options.h.

#include "tools/store_options.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

namespace bwrt::tools {
namespace {

using Secret = std::array<std::uint8_t, runtime::kSecretBytes>;

int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// 32 bytes, or 64 digits and what an editor leaves behind them.
Secret read_secret(const std::string& path) {
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    std::string text(std::istreambuf_iterator<char>(file), {});
    if (!file.is_open() || file.bad()) fail_system(path, errno == 0 ? EIO : errno);
    Secret secret{};
    if (text.size() == secret.size()) {
        std::memcpy(secret.data(), text.data(), secret.size());
        return secret;
    }
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    if (!parse_hex(text, secret.data(), secret.size()))
        throw Failure("E_INVAL", path + ": neither 32 bytes nor 64 hexadecimal digits");
    return secret;
}

std::vector<runtime::TenantKeys> named_keys(const StoreOptions& options, const OpenedStore& store) {
    std::vector<runtime::TenantKeys> keys;
    const auto others =
        static_cast<std::size_t>(std::count_if(options.tenants.begin(), options.tenants.end(),
                                               [](std::uint64_t tenant) { return tenant != 0; }));
    if (others != options.secret_files.size())
        throw Failure("E_INVAL", "each --tenant but 0 needs a --secret-file, in the same order", 2);
    auto file = options.secret_files.begin();
    for (const std::uint64_t tenant : options.tenants) {
        std::uint8_t secret[runtime::kSecretBytes];
        std::memcpy(secret, store.directories().superblock().secret, sizeof secret);
        if (tenant != 0) std::memcpy(secret, read_secret(*file++).data(), sizeof secret);
        keys.emplace_back(tenant, secret);
    }
    return keys;
}

}  // namespace

OpenedStore::OpenedStore(const StoreOptions& options) {
    std::vector<std::string> paths = {options.directory};
    paths.insert(paths.end(), options.further.begin(), options.further.end());
    must_do([&](const auto& sink) { return runtime::open_store(paths, &directories_, sink); });
    if (!options.shard.empty()) {
        open_shard(options.shard);
        shards_ = {options.shard};
        return;
    }
    must_do([&](const auto& sink) { return runtime::list_shards(directories_, &shards_, sink); });
}

runtime::Shard OpenedStore::open_shard(const std::string& name, bool lock) const {
    runtime::Shard shard;
    must_do([&](const auto& sink) {
        return runtime::open_shard(directories_.roots[0], name.c_str(), runtime::Access::kRead,
                                   lock, &shard, sink);
    });
    return shard;
}

Keys keys_of(const StoreOptions& options, const OpenedStore& store) {
    Keys keys;
    const runtime::TenantKeys own(0, store.directories().superblock().secret);
    keys.emplace(own.space(), own);
    for (const runtime::TenantKeys& one : named_keys(options, store))
        keys.emplace(one.space(), one);
    return keys;
}

std::vector<std::uint64_t> spaces_of(const StoreOptions& options, const OpenedStore& store) {
    std::vector<std::uint64_t> spaces;
    for (const runtime::TenantKeys& one : named_keys(options, store)) spaces.push_back(one.space());
    return spaces;
}

std::string hex(const std::uint8_t* bytes, std::size_t count) {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (std::size_t i = 0; i < count; i++) {
        text += kDigits[bytes[i] >> 4];
        text += kDigits[bytes[i] & 15];
    }
    return text;
}

std::string hex(std::uint64_t word) {
    char text[24];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(word));
    return text;
}

bool parse_hex(const std::string& text, std::uint8_t* bytes_out, std::size_t count) {
    if (text.size() != 2 * count) return false;
    for (std::size_t i = 0; i < count; i++) {
        const int high = digit_of(text[2 * i]), low = digit_of(text[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        bytes_out[i] = static_cast<std::uint8_t>(high << 4 | low);
    }
    return true;
}

}  // namespace bwrt::tools
