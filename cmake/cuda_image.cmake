# SPDX-License-Identifier: Apache-2.0
#
# cuda_image.cmake — the image of the kernels for small pages, where an nvcc that works is found:
#
#   copy_pages.cu ─ nvcc ─▶ copy_pages.fatbin      machine code for each of BWRT_CUDA_TARGETS
#                 └ nvcc ─▶ copy_pages.new.ptx ─ lower_ptx.cmake ─▶ copy_pages.ptx
#                           text for the other devices and for drivers older than this toolkit
#   kernel_image.S has both as they are.
#
# nvcc is a command here and no language of the build: what is linked stays the host compiler's.
set(BWRT_CUDA_IMAGE OFF)
set(BWRT_CUDA_IMAGE_REASON "")
set(cuda_image_source ${PROJECT_SOURCE_DIR}/runtime/backend/cuda/copy_pages.cu)
set(cuda_image_folder ${PROJECT_BINARY_DIR}/cuda-image)
set(nvcc_options -O3 -std=c++17 -I${PROJECT_SOURCE_DIR})

# Whether it compiles at all: it needs a compiler of the host's that it knows.
if(NOT BWRT_NVCC)
    set(BWRT_CUDA_IMAGE_REASON "there is no nvcc")
else()
    file(MAKE_DIRECTORY ${cuda_image_folder})
    if(NOT BWRT_NVCC_TRIED STREQUAL BWRT_NVCC)
        execute_process(COMMAND ${BWRT_NVCC} ${nvcc_options} -ptx -arch=compute_80
            -o ${cuda_image_folder}/tried.ptx ${cuda_image_source}
            RESULT_VARIABLE nvcc_failed OUTPUT_VARIABLE nvcc_said ERROR_VARIABLE nvcc_said)
        string(REGEX REPLACE "\n.*" "" nvcc_said "${nvcc_said}")
        if(NOT nvcc_failed)
            set(nvcc_said "")
        elseif(nvcc_said STREQUAL "")
            set(nvcc_said "${nvcc_failed}")
        endif()
        set(BWRT_NVCC_TRIED ${BWRT_NVCC} CACHE INTERNAL "of which BWRT_NVCC_SAID is")
        set(BWRT_NVCC_SAID "${nvcc_said}" CACHE INTERNAL "why it does not compile; empty: it does")
    endif()
    if(BWRT_NVCC_SAID STREQUAL "")
        set(BWRT_CUDA_IMAGE ON)
    else()
        set(BWRT_CUDA_IMAGE_REASON "${BWRT_NVCC} does not compile: ${BWRT_NVCC_SAID}")
    endif()
endif()
if(NOT BWRT_CUDA_IMAGE)
    message(STATUS "CUDA: no kernels, small pages are copied without: ${BWRT_CUDA_IMAGE_REASON}")
    return()
endif()

# Of those that this nvcc knows; machine code of 8.0 is that of all 8.x.
execute_process(COMMAND ${BWRT_NVCC} --list-gpu-code OUTPUT_VARIABLE nvcc_codes ERROR_QUIET)
set(nvcc_targets)
set(BWRT_CUDA_TARGETS)
foreach(target 80 90 100 120)
    if(nvcc_codes MATCHES "sm_${target}[^0-9]")
        list(APPEND BWRT_CUDA_TARGETS sm_${target})
        list(APPEND nvcc_targets -gencode arch=compute_${target},code=sm_${target})
    endif()
endforeach()
message(STATUS "CUDA: kernels for ${BWRT_CUDA_TARGETS}, and as PTX")

set(cuda_image_needs ${cuda_image_source} ${PROJECT_SOURCE_DIR}/runtime/backend/cuda/page_kernel.h)
add_custom_command(OUTPUT ${cuda_image_folder}/copy_pages.fatbin
    COMMAND ${BWRT_NVCC} ${nvcc_options} -fatbin ${nvcc_targets}
        -o ${cuda_image_folder}/copy_pages.fatbin ${cuda_image_source}
    DEPENDS ${cuda_image_needs} VERBATIM)
add_custom_command(OUTPUT ${cuda_image_folder}/copy_pages.ptx
    COMMAND ${BWRT_NVCC} ${nvcc_options} -ptx -arch=compute_80
        -o ${cuda_image_folder}/copy_pages.new.ptx ${cuda_image_source}
    COMMAND ${CMAKE_COMMAND} -DSOURCE=${cuda_image_folder}/copy_pages.new.ptx
        -DTARGET=${cuda_image_folder}/copy_pages.ptx
        -P ${PROJECT_SOURCE_DIR}/cmake/lower_ptx.cmake
    DEPENDS ${cuda_image_needs} ${PROJECT_SOURCE_DIR}/cmake/lower_ptx.cmake VERBATIM)

enable_language(ASM)
add_library(bwrt_cuda_image OBJECT ${PROJECT_SOURCE_DIR}/runtime/backend/cuda/kernel_image.S)
set_source_files_properties(${PROJECT_SOURCE_DIR}/runtime/backend/cuda/kernel_image.S PROPERTIES
    OBJECT_DEPENDS "${cuda_image_folder}/copy_pages.fatbin;${cuda_image_folder}/copy_pages.ptx"
    INCLUDE_DIRECTORIES ${cuda_image_folder})
