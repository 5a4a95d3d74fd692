// SPDX-License-Identifier: Apache-2.0
//
// peer_redis_socket.cpp — the same Redis server, spoken to without a client library.
//
// hiredis copies every value twice on its way out and twice on its way in.  Here a value goes from
// the caller's memory into the socket and from the socket into the caller's buffer, so that what is
// measured is the server and the socket: the least that any client of Redis can need.

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "bench/peer.h"
#include "bench/redis_server.h"

namespace bwrt::bench {
namespace {

constexpr char kEnd[] = "\r\n";

// One connection: writes whole pieces, reads lines and counted bytes.
class Connection {
 public:
    explicit Connection(const std::string& path) : fd_(connect_unix(path)), buffer_(kBufferBytes) {}
    ~Connection() { close(fd_); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void write(std::span<iovec> pieces) {
        while (!pieces.empty()) {
            msghdr message = {};
            message.msg_iov = pieces.data();
            message.msg_iovlen = pieces.size();
            const ssize_t wrote = sendmsg(fd_, &message, MSG_NOSIGNAL);
            if (wrote < 0 && errno == EINTR) continue;
            if (wrote < 0) fail_system("redis-server", errno);
            auto left = static_cast<std::size_t>(wrote);
            while (!pieces.empty() && left >= pieces.front().iov_len) {
                left -= pieces.front().iov_len;
                pieces = pieces.subspan(1);
            }
            if (left == 0) continue;
            pieces.front().iov_base = static_cast<char*>(pieces.front().iov_base) + left;
            pieces.front().iov_len -= left;
        }
    }

    // Without its end.
    std::string read_line() {
        for (;;) {
            const char* const begin = buffer_.data() + begin_;
            const auto* const end =
                static_cast<const char*>(std::memchr(begin, '\n', end_ - begin_));
            if (end != nullptr) {
                begin_ += static_cast<std::size_t>(end + 1 - begin);
                return {begin, end - 1};
            }
            std::memmove(buffer_.data(), begin, end_ - begin_);
            end_ -= begin_;
            begin_ = 0;
            end_ += receive(buffer_.data() + end_, buffer_.size() - end_, nullptr);
        }
    }

    // The value, and the end of line behind it.
    void read_value(std::byte* value, std::size_t length_bytes) {
        take(reinterpret_cast<char*>(value), length_bytes);
        char line_end[2];
        take(line_end, sizeof line_end);
    }

 private:
    static constexpr std::size_t kBufferBytes = 4096;

    // Fills [to, to + length): from the buffer, then from the socket, and what comes behind it
    // goes into the buffer with the same call.
    void take(char* to, std::size_t length_bytes) {
        const std::size_t buffered = std::min(length_bytes, end_ - begin_);
        std::memcpy(to, buffer_.data() + begin_, buffered);
        begin_ += buffered;
        for (std::size_t done = buffered; done < length_bytes;) {
            begin_ = end_ = 0;
            done += receive(to + done, length_bytes - done, &end_);
        }
    }

    // Bytes beyond the length go to the buffer when `spilt_out` is given.
    std::size_t receive(char* to, std::size_t length_bytes, std::size_t* spilt_out) {
        iovec pieces[2] = {{to, length_bytes}, {buffer_.data(), buffer_.size()}};
        for (;;) {
            const ssize_t got = readv(fd_, pieces, spilt_out != nullptr ? 2 : 1);
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) fail_system("redis-server", errno);
            if (got == 0) throw Failure("E_IO", "redis-server closed the connection");
            const std::size_t taken = std::min(static_cast<std::size_t>(got), length_bytes);
            if (spilt_out != nullptr) *spilt_out = static_cast<std::size_t>(got) - taken;
            return taken;
        }
    }

    int fd_;
    std::vector<char> buffer_;
    std::size_t begin_ = 0, end_ = 0;  // of what was read ahead
};

std::string command(const char* verb, const Key& key, std::size_t word_count) {
    std::string text = "*" + std::to_string(word_count) + kEnd;
    text += "$" + std::to_string(std::strlen(verb)) + kEnd + verb + kEnd;
    text += "$" + std::to_string(key.bytes.size()) + kEnd;
    text.append(reinterpret_cast<const char*>(key.bytes.data()), key.bytes.size());
    return text + kEnd;
}

class RedisSocketPeer : public Peer {
 public:
    explicit RedisSocketPeer(const PeerOptions& options)
        : server_(options), connection_(server_.socket_path()) {}

    // All answers of a wave, five bytes each, fit into the socket: it can be written whole.
    void put_many(std::span<const PutRequest> requests) override {
        std::vector<std::string> heads;
        heads.reserve(requests.size());
        std::vector<iovec> pieces;
        for (const PutRequest& request : requests) {
            heads.push_back(command("SET", *request.key, 3) + "$" +
                            std::to_string(request.length_bytes) + kEnd);
            pieces.push_back({heads.back().data(), heads.back().size()});
            pieces.push_back({const_cast<std::byte*>(request.value), request.length_bytes});
            pieces.push_back({const_cast<char*>(kEnd), 2});
        }
        connection_.write(pieces);
        for (std::size_t i = 0; i < requests.size(); ++i) expect("+OK");
    }

    void get_many(std::span<GetRequest> requests) override {
        while (!requests.empty()) {
            const std::uint64_t fitting = kPipelineBytes / requests.front().length_bytes;
            const auto count = std::clamp<std::size_t>(fitting, 1, requests.size());
            std::string text;
            for (const GetRequest& request : requests.first(count)) {
                text += command("GET", *request.key, 2);
            }
            send(text);
            for (GetRequest& request : requests.first(count)) read_into(&request);
            requests = requests.subspan(count);
        }
    }

    bool contains(const Key& key) override {
        send(command("EXISTS", key, 2));
        return read_line() == ":1";
    }

    void clear() override {
        send("*2\r\n$8\r\nFLUSHALL\r\n$4\r\nSYNC\r\n");
        expect("+OK");
    }

    void flush() override {}

    std::uint64_t cpu_time_ns() const override { return cpu_ns() + server_.cpu_time_ns(); }

 private:
    static constexpr std::uint64_t kPipelineBytes = std::uint64_t{2} << 20;

    void send(std::string text) {
        iovec piece = {text.data(), text.size()};
        connection_.write({&piece, 1});
    }

    std::string read_line() {
        std::string line = connection_.read_line();
        if (!line.empty() && line.front() == '-') throw Failure("E_IO", "redis: " + line);
        return line;
    }

    void expect(const char* answer) {
        const std::string line = read_line();
        if (line != answer) throw Failure("E_PARSE", "redis: an unexpected answer: " + line);
    }

    void read_into(GetRequest* request) {
        const std::string line = read_line();
        request->found = false;
        if (line == "$-1") return;
        std::size_t length_bytes = 0;
        const auto parsed =
            std::from_chars(line.data() + 1, line.data() + line.size(), length_bytes);
        if (line.front() != '$' || parsed.ec != std::errc()) {
            throw Failure("E_PARSE", "redis: an unexpected answer: " + line);
        }
        if (length_bytes == request->length_bytes) {
            connection_.read_value(request->buffer, length_bytes);
            request->found = true;
            return;
        }
        std::vector<std::byte> other(length_bytes);
        connection_.read_value(other.data(), length_bytes);
    }

    RedisServer server_;
    Connection connection_;
};

}  // namespace

PeerKind redis_socket_peer() {
    PeerKind kind;
    kind.name = "redis-socket";
    kind.what = "Redis, no client library";
    kind.version = redis_version();
    kind.why_absent = why_redis_is_absent;
    kind.make = [](const PeerOptions& options) {
        return std::make_unique<RedisSocketPeer>(options);
    };
    return kind;
}

}  // namespace bwrt::bench
