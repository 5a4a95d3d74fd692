// SPDX-License-Identifier: Apache-2.0
//
// report_data.h — a report's numbers as one JSON object, whose fields docs/operations.md describes.
// Numbers have six digits; a part of the time of which nothing is known has null.

#pragma once

#include <string>

#include "tools/output.h"
#include "tools/report.h"

namespace bwrt::tools {

[[nodiscard]] JsonObject report_data(const ReportContent& content);

// JSON as it may stand in a <script>: in UTF-8, and without anything that ends it.
[[nodiscard]] std::string in_script(const std::string& json);

// Text as it may stand between tags.
[[nodiscard]] std::string in_html(const std::string& text);

// This process's command line, as a shell would take it.
[[nodiscard]] std::string command_text();

}  // namespace bwrt::tools
