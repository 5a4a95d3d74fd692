# SPDX-License-Identifier: Apache-2.0
#
# install.cmake — what `cmake --install` puts where.
#
# Three components, which tools/package turns into packages: the library that programs load
# (runtime), what it takes to write one (development, with the documents; also the component of
# whatever names none), and the command.  Nothing installed names the place it was installed to:
# the tree can be moved as a whole.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/bwrt)
set(pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(TARGETS bwrt EXPORT bwrt-targets
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        COMPONENT runtime NAMELINK_COMPONENT development
    INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES ${PROJECT_SOURCE_DIR}/include/bwrt.h
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)

# find_package(bwrt CONFIG)
install(EXPORT bwrt-targets NAMESPACE bwrt:: DESTINATION ${cmake_dir} COMPONENT development)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/bwrt-config.cmake.in
    ${PROJECT_BINARY_DIR}/bwrt-config.cmake INSTALL_DESTINATION ${cmake_dir}
    NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/bwrt-config-version.cmake
    COMPATIBILITY SameMajorVersion)
install(FILES ${PROJECT_BINARY_DIR}/bwrt-config.cmake ${PROJECT_BINARY_DIR}/bwrt-config-version.cmake
    DESTINATION ${cmake_dir} COMPONENT development)

# pkg-config bwrt: its folders are told from where the file itself lies.
file(RELATIVE_PATH pc_to_prefix ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
file(RELATIVE_PATH pc_libdir ${CMAKE_INSTALL_PREFIX} ${CMAKE_INSTALL_FULL_LIBDIR})
file(RELATIVE_PATH pc_includedir ${CMAKE_INSTALL_PREFIX} ${CMAKE_INSTALL_FULL_INCLUDEDIR})
string(REGEX REPLACE "/$" "" pc_to_prefix "${pc_to_prefix}")
configure_file(${CMAKE_CURRENT_LIST_DIR}/bwrt.pc.in ${PROJECT_BINARY_DIR}/bwrt.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/bwrt.pc DESTINATION ${pkgconfig_dir} COMPONENT development)

# Documents keep the places they have in the tree, so that their links hold.
install(FILES
    ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/CHANGES.md
    ${PROJECT_SOURCE_DIR}/SECURITY.md ${CMAKE_CURRENT_LIST_DIR}/copyright
    DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT development)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs ${PROJECT_SOURCE_DIR}/examples
    DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT development
    FILES_MATCHING PATTERN "*.md" PATTERN "*.c" PATTERN "*.h")

if(TARGET bwrt_cli)
    install(TARGETS bwrt_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT command)
    # Beside the library it came with, wherever that is; where the loader looks anyway
    # (a distribution's /usr) it needs nothing.
    if(NOT CMAKE_INSTALL_PREFIX STREQUAL "/usr")
        file(RELATIVE_PATH bin_to_lib ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
        set_target_properties(bwrt_cli PROPERTIES INSTALL_RPATH "$ORIGIN/${bin_to_lib}")
    endif()
endif()
