// SPDX-License-Identifier: Apache-2.0

#include "tools/replay/line_source.h"

#include <fcntl.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace bwrt::replay {
namespace {

constexpr std::size_t kInputBytes = std::size_t{1} << 17;
constexpr std::string_view kZstdMagic = "\x28\xB5\x2F\xFD";

}  // namespace

void LineSource::FreeStream::operator()(ZSTD_DCtx_s* stream) const { ZSTD_freeDStream(stream); }

LineSource::LineSource(const std::string& path) : input_(kInputBytes) {
    fd_ = path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd_ < 0) error_ = std::strerror(errno);
}

LineSource::~LineSource() {
    if (fd_ > STDIN_FILENO) close(fd_);
}

bool LineSource::fail(std::string sentence) {
    error_ = std::move(sentence);
    return false;
}

bool LineSource::next(std::string_view& line_out) {
    std::size_t looked_at = 0;  // of the text; no line ends in it
    while (error_.empty()) {
        const std::string_view text = std::string_view(text_).substr(text_begin_);
        const std::size_t length = std::min(text.find('\n', looked_at), text.size());
        const bool is_whole = length < text.size();
        if (length > kLineBytesMax) {
            ++line_;
            return fail("is longer than 64 MiB");
        }
        if (is_whole || (is_over() && !text.empty())) {
            line_out = text.substr(0, length);
            text_begin_ += length + (is_whole ? 1 : 0);
            ++line_;
            return true;
        }
        if (is_over()) return false;
        looked_at = length;
        text_.erase(0, text_begin_);
        text_begin_ = 0;
        if (!fill()) return false;
    }
    return false;
}

// One more piece of text, or the end.
bool LineSource::fill() {
    if (input_begin_ == input_end_ && !has_more_ && !read_input()) return false;
    if (!is_begun_) {
        is_begun_ = true;
        const std::string_view begin(input_.data(), input_end_);
        if (begin.starts_with(kZstdMagic)) {
            stream_.reset(ZSTD_createDStream());
            if (stream_ == nullptr) return fail("zstd has no memory");
        }
    }
    if (stream_ != nullptr) return unpack();
    text_.append(input_.data() + input_begin_, input_end_ - input_begin_);
    input_begin_ = input_end_;
    return true;
}

// The whole buffer, or all there is: a pipe gives few bytes at a time, and the first four count.
bool LineSource::read_input() {
    input_begin_ = input_end_ = 0;
    while (!is_input_over_ && input_end_ < input_.size()) {
        const ssize_t count = read(fd_, input_.data() + input_end_, input_.size() - input_end_);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fail(std::strerror(errno));
        is_input_over_ = count == 0;
        input_end_ += static_cast<std::size_t>(count);
    }
    return true;
}

bool LineSource::unpack() {
    const std::size_t before = text_.size();
    text_.resize(before + ZSTD_DStreamOutSize());
    ZSTD_inBuffer in{input_.data(), input_end_, input_begin_};
    ZSTD_outBuffer out{text_.data() + before, text_.size() - before, 0};
    const std::size_t left = ZSTD_decompressStream(stream_.get(), &out, &in);
    has_more_ = out.pos == out.size;
    text_.resize(before + out.pos);
    if (ZSTD_isError(left)) return fail(std::string("zstd: ") + ZSTD_getErrorName(left));
    // Without anything new it would tell what a next frame needs.
    if (in.pos > input_begin_ || out.pos > 0) is_within_frame_ = left > 0;
    input_begin_ = in.pos;
    if (is_over() && is_within_frame_) return fail("ends within what zstd packed");
    return true;
}

}  // namespace bwrt::replay
