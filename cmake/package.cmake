# SPDX-License-Identifier: Apache-2.0
#
# package.cmake — the components of install.cmake as Debian packages, made by tools/package.
#
#   libbwrt0       what programs load     named after the soname, so that the next one can stand
#   libbwrt-dev    what it takes to build them          beside it while old programs are in use
#   bwrt           the command
#
# Dependencies on other packages are computed from the binaries; those on each other are exact.
# Each package is stripped, and its debug information stands in one of its own (-dbgsym).

foreach(package libbwrt${PROJECT_VERSION_MAJOR} bwrt) # libbwrt-dev has it among its documents
    if(package STREQUAL "bwrt")
        set(component command)
    else()
        set(component runtime)
    endif()
    install(FILES ${CMAKE_CURRENT_LIST_DIR}/copyright
        DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/${package} COMPONENT ${component})
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME bwrt)
set(CPACK_PACKAGE_VENDOR "")
set(CPACK_PACKAGE_CONTACT "bwrt maintainers <bwrt@localhost>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "movement engine below an inference engine")
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_COMPONENTS_ALL runtime development command)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR})
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS ON)

set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME libbwrt${PROJECT_VERSION_MAJOR})
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_RUNTIME_DEBUGINFO_PACKAGE ON)
# What a program that was linked with the library depends on.  Written here, for CPack would say the
# same of every library it finds, also of one that is not for the loader.
file(WRITE ${PROJECT_BINARY_DIR}/shlibs "libbwrt ${PROJECT_VERSION_MAJOR} "
    "libbwrt${PROJECT_VERSION_MAJOR} (>= ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})\n")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA ${PROJECT_BINARY_DIR}/shlibs)
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION
    "Moves KV cache and weights between files and memory in waves with deadlines.
 This package has the library that programs load.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libbwrt-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_DEBUGINFO_PACKAGE ON)
set(CPACK_COMPONENT_DEVELOPMENT_DEPENDS runtime)
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
    "Moves KV cache and weights between files and memory in waves with deadlines.
 This package has the header, which is the manual, and the documents.")

set(CPACK_DEBIAN_COMMAND_PACKAGE_NAME bwrt)
set(CPACK_DEBIAN_COMMAND_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_COMMAND_DEBUGINFO_PACKAGE ON)
set(CPACK_COMPONENT_COMMAND_DEPENDS runtime)
set(CPACK_COMPONENT_COMMAND_DESCRIPTION
    "Moves KV cache and weights between files and memory in waves with deadlines.
 This package has the bwrt command, which shows what a machine can do.")

include(CPack)
