# SPDX-License-Identifier: Apache-2.0
#
# lower_ptx.cmake — PTX for drivers that are older than the compiler that wrote it.
#
# A compiler writes the newest version that it knows, and a driver takes no newer one than its own:
# text of CUDA 13.0 says 9.0, which drivers of 12.x refuse.  The kernels need nothing that is newer
# than 7.4 (a load that is not kept, of CUDA 11.4), so that is what the text is made to say; every
# driver that bwrt takes knows it.  That it is true a test shows, by assembling it.
file(READ ${SOURCE} text)
string(REGEX MATCHALL "\n[.]version [0-9.]+\n" versions "${text}")
list(LENGTH versions version_count)
if(NOT version_count EQUAL 1)
    message(FATAL_ERROR "${SOURCE} has ${version_count} lines of its version, not 1")
endif()
string(REGEX REPLACE "\n[.]version [0-9.]+\n" "\n.version 7.4\n" text "${text}")
file(WRITE ${TARGET} "${text}")
