/* SPDX-License-Identifier: Apache-2.0
 *
 * hot_path_driver.c — runs as many hot waves as its argument says, for a script that counts system
 * calls: twice the waves with as many calls is none a wave. */

#include "tests/stress/hot_path.h"

int main(int argument_count, char** arguments) {
    const uint32_t count = argument_count > 1 ? (uint32_t)strtoul(arguments[1], NULL, 0) : 0;
    bwrt_config config;
    bwrt_handle layout = 0;
    faults self;

    fault_mode_now = &kModes[0];
    config = config_of_mode();
    config.spin_ns = 1000000000;
    if (faults_open(&self, &config) != 0 || add_hot_layout(&self, &layout) != BWRT_OK) return 1;
    if (run_hot_waves(&self, 100 + count, 0, layout) != 0) return 1;
    return faults_close(&self) == 0 ? 0 : 1;
}
