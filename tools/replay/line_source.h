// SPDX-License-Identifier: Apache-2.0
//
// line_source.h — the lines of a file, plain or zstd, one at a time.
//
// Which of both it is, its first four bytes say, not its name: standard input has none.  In memory
// are a window of the decompressor (128 MiB at most, zstd's own limit), what was read and not yet
// looked at, and one line, of which kLineBytesMax are the most: a file that unpacks to endless
// zeros is refused at that.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct ZSTD_DCtx_s;

namespace bwrt::replay {

class LineSource {
 public:
    static constexpr std::size_t kLineBytesMax = std::size_t{64} << 20;  // of JsonLimits, too

    // "-" is standard input.  What cannot be opened is said by the first next().
    explicit LineSource(const std::string& path);
    ~LineSource();
    LineSource(const LineSource&) = delete;
    LineSource& operator=(const LineSource&) = delete;

    // False at the end, and when something is wrong: error() is not empty then.  The line has no
    // end of line, and is good until the next call.
    [[nodiscard]] bool next(std::string_view& line_out);

    [[nodiscard]] const std::string& error() const { return error_; }
    [[nodiscard]] std::uint64_t line() const { return line_; }  // from 1, of the last one

 private:
    struct FreeStream {
        void operator()(ZSTD_DCtx_s* stream) const;
    };

    // Nothing is to come but what is in the text.
    [[nodiscard]] bool is_over() const {
        return is_input_over_ && input_begin_ == input_end_ && !has_more_;
    }
    bool fill();
    bool read_input();
    bool unpack();
    bool fail(std::string sentence);

    int fd_ = -1;
    std::string error_;
    std::uint64_t line_ = 0;
    std::vector<char> input_;  // of the file
    std::size_t input_begin_ = 0, input_end_ = 0;
    bool is_input_over_ = false;
    std::unique_ptr<ZSTD_DCtx_s, FreeStream> stream_;  // none: the file is plain
    bool is_within_frame_ = false;
    bool has_more_ = false;  // in the stream, of what it was given
    std::string text_;       // lines that were not yet asked for
    std::size_t text_begin_ = 0;
    bool is_begun_ = false;
};

}  // namespace bwrt::replay
