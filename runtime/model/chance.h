// SPDX-License-Identifier: Apache-2.0
//
// chance.h — what is drawn in a modelled world: names and seeds, of which figures must not depend
// on the day.  It begins anew with each runtime, and each thread has its own.

#pragma once

namespace bwrt::runtime {

void begin_chance() noexcept;

}  // namespace bwrt::runtime
