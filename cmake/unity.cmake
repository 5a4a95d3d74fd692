# SPDX-License-Identifier: Apache-2.0
#
# unity.cmake — where BWRT_UNITY is ON, sources of one target and folder are compiled some at a time;
# where it is TESTS, those alone of which tests are made: the rest shows who forgets to include what
# he uses.
#
# Reading headers and making the same templates again is most of what compiling takes.  Sources that
# are compiled together share their anonymous namespaces, so a name can be defined twice that is fine
# in a build of one by one: rename it, or let the source stand alone (EXCEPT).

set(BWRT_UNITY OFF CACHE STRING
    "Compile sources of a folder together, which takes a third of the time: OFF, TESTS or ON")

# bwrt_unity(target [OF_TESTS] [EXCEPT sources...]): those of a folder that stand near in the alphabet,
# so that a new source joins others and parts none.
function(bwrt_unity target)
    cmake_parse_arguments(ARG "OF_TESTS" "" "EXCEPT" ${ARGN})
    if(NOT BWRT_UNITY OR (BWRT_UNITY STREQUAL "TESTS" AND NOT ARG_OF_TESTS))
        return()
    endif()
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
    get_target_property(sources ${target} SOURCES)
    list(FILTER sources INCLUDE REGEX "[.]cpp$")
    list(REMOVE_ITEM sources "" ${ARG_EXCEPT})
    foreach(source ${sources})
        get_filename_component(folder ${source} DIRECTORY)
        get_filename_component(name ${source} NAME)
        string(SUBSTRING ${name} 0 1 letter)
        string(FIND abcdefghijklmnopqrstuvwxyz ${letter} place)
        math(EXPR place "${place} / 8")
        string(MAKE_C_IDENTIFIER "${target}_${folder}_${place}" group)
        set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${group})
    endforeach()
endfunction()
