// SPDX-License-Identifier: Apache-2.0
//
// peer_threads.h — a peer whose waves are cut into parts, one for each of several threads.
//
// A library that reads when it is called, and returns when it has read, keeps one request at the
// device; called from several threads it keeps as many.  Without this contestant a cold comparison
// would measure the depth and not the store.

#pragma once

#include "bench/peer.h"

namespace bwrt::bench {

// The same, "-threads" added to its name, called from PeerOptions::threads threads.
[[nodiscard]] PeerKind with_threads(const PeerKind& kind);

}  // namespace bwrt::bench
