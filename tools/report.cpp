// SPDX-License-Identifier: Apache-2.0

#include "tools/report.h"

#include <stdexcept>
#include <string_view>

#include "tools/report_data.h"

// The page's parts and the charts' library, as they are in their files.  BWRT_PAGE_FOLDER and
// BWRT_CHARTS are paths, by the build.
#define BWRT_EMBED(name, path)                                                     \
    __asm__(".pushsection .rodata\n" #name "_begin:\n.incbin \"" path "\"\n" #name \
            "_end:\n.byte 0\n.popsection\n");                                      \
    extern "C" const char name##_begin[], name##_end[];

BWRT_EMBED(bwrt_page_html, BWRT_PAGE_FOLDER "/page.html")
BWRT_EMBED(bwrt_page_css, BWRT_PAGE_FOLDER "/page.css")
BWRT_EMBED(bwrt_kit_js, BWRT_PAGE_FOLDER "/kit.js")
BWRT_EMBED(bwrt_page_js, BWRT_PAGE_FOLDER "/page.js")
BWRT_EMBED(bwrt_charts_js, BWRT_CHARTS)

namespace bwrt::tools {
namespace {

std::string_view between(const char* begin, const char* end) {
    return {begin, static_cast<std::size_t>(end - begin)};
}

struct Insert {
    std::string_view place;  // in the page, in its order
    std::string text;
};

// Each place is looked for behind the one before it and in the page alone, so that no insert is
// taken for a place.
std::string page_with(const std::vector<Insert>& inserts) {
    std::string_view rest = between(bwrt_page_html_begin, bwrt_page_html_end);
    std::string page;
    for (const Insert& insert : inserts) {
        const std::size_t at = rest.find(insert.place);
        if (at == rest.npos) throw std::logic_error("the page has no " + std::string(insert.place));
        page += rest.substr(0, at);
        page += insert.text;
        rest.remove_prefix(at + insert.place.size());
    }
    page += rest;
    return page;
}

}  // namespace

void Report::write(const ReportContent& content) {
    const std::string data = in_script(report_data(content).line());
    file_.append(
        page_with({{"@TITLE@", in_html(content.title)},
                   {"@STYLE@", std::string(between(bwrt_page_css_begin, bwrt_page_css_end))},
                   {"@DATA@", data},
                   {"@CHARTS@", std::string(between(bwrt_charts_js_begin, bwrt_charts_js_end))},
                   {"@KIT@", std::string(between(bwrt_kit_js_begin, bwrt_kit_js_end))},
                   {"@SCRIPT@", std::string(between(bwrt_page_js_begin, bwrt_page_js_end))}}));
    file_.take_place();
}

void Report::write_at_end(const ReportContent& content) {
    try {
        write(content);
    } catch (const Failure& failure) {
        print_failure(failure, false);
        throw Ended{1};
    }
}

}  // namespace bwrt::tools
