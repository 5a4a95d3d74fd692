// SPDX-License-Identifier: Apache-2.0
//
// entry_points.h — what of the CUDA driver is used, each by its name and the ABI that it is called
// by.
//
// The driver keeps every ABI that a function ever had under one base name, and hands out that of
// the version it is asked for.  So a row names the type in cudaTypedefs.h, PFN_cuMemAlloc_v3020,
// and with it the version to ask for: one number for both, since asking for another one than the
// type was made for gives a function that reads other arguments, and the compiler cannot see it.
//
//   ENTRY(need, member, name, abi)
//     need     required: no driver without it.  optional: null where the driver has none
//     member   of Driver.  Not the name itself: cuda.h has macros of many of them (cuMemAlloc is
//              cuMemAlloc_v2), which is also why ENTRY may use `name` with # and ## alone
//     abi      1000 x major + 10 x minor of the CUDA version that made it so
//
// Two rows of cuMemcpyBatchAsync: CUDA 13.0 dropped an argument from the middle.  Their callers
// take the one that Driver::batch_copy_abi names.
//
// The fake driver of the tests is made of the same list, so that it has what is used here.

#pragma once

#include <cuda.h>
#include <cudaTypedefs.h>

#define BWRT_CUDA_ENTRY_POINTS(ENTRY)                                                        \
    ENTRY(required, driver_get_version, cuDriverGetVersion, 2020)                            \
    ENTRY(required, init, cuInit, 2000)                                                      \
    ENTRY(required, get_error_name, cuGetErrorName, 6000)                                    \
    ENTRY(required, device_get_count, cuDeviceGetCount, 2000)                                \
    ENTRY(required, device_get, cuDeviceGet, 2000)                                           \
    ENTRY(required, device_get_name, cuDeviceGetName, 2000)                                  \
    ENTRY(required, device_get_attribute, cuDeviceGetAttribute, 2000)                        \
    ENTRY(required, device_get_uuid, cuDeviceGetUuid, 11040)                                 \
    ENTRY(required, device_total_mem, cuDeviceTotalMem, 3020)                                \
    ENTRY(required, device_can_access_peer, cuDeviceCanAccessPeer, 4000)                     \
    ENTRY(required, primary_ctx_retain, cuDevicePrimaryCtxRetain, 7000)                      \
    ENTRY(required, primary_ctx_release, cuDevicePrimaryCtxRelease, 11000)                   \
    ENTRY(required, primary_ctx_get_state, cuDevicePrimaryCtxGetState, 7000)                 \
    ENTRY(required, ctx_set_current, cuCtxSetCurrent, 4000)                                  \
    ENTRY(required, ctx_get_current, cuCtxGetCurrent, 4000)                                  \
    ENTRY(required, ctx_synchronize, cuCtxSynchronize, 2000)                                 \
    ENTRY(required, ctx_get_stream_priority_range, cuCtxGetStreamPriorityRange, 5050)        \
    ENTRY(required, exchange_capture_mode, cuThreadExchangeStreamCaptureMode, 10010)         \
    ENTRY(optional, ctx_enable_peer_access, cuCtxEnablePeerAccess, 4000)                     \
    ENTRY(required, mem_get_info, cuMemGetInfo, 3020)                                        \
    ENTRY(required, mem_alloc, cuMemAlloc, 3020)                                             \
    ENTRY(required, mem_free, cuMemFree, 3020)                                               \
    ENTRY(required, mem_get_address_range, cuMemGetAddressRange, 3020)                       \
    ENTRY(required, pointer_get_attributes, cuPointerGetAttributes, 7000)                    \
    ENTRY(required, mem_host_alloc, cuMemHostAlloc, 2020)                                    \
    ENTRY(required, mem_free_host, cuMemFreeHost, 2000)                                      \
    ENTRY(required, mem_host_register, cuMemHostRegister, 6050)                              \
    ENTRY(required, mem_host_unregister, cuMemHostUnregister, 4000)                          \
    ENTRY(required, mem_host_get_device_pointer, cuMemHostGetDevicePointer, 3020)            \
    ENTRY(required, stream_create_with_priority, cuStreamCreateWithPriority, 5050)           \
    ENTRY(required, stream_destroy, cuStreamDestroy, 4000)                                   \
    ENTRY(required, stream_query, cuStreamQuery, 2000)                                       \
    ENTRY(required, stream_synchronize, cuStreamSynchronize, 2000)                           \
    ENTRY(required, stream_wait_event, cuStreamWaitEvent, 3020)                              \
    ENTRY(required, stream_get_ctx, cuStreamGetCtx, 9020)                                    \
    ENTRY(required, stream_is_capturing, cuStreamIsCapturing, 10000)                         \
    ENTRY(optional, stream_write_value32, cuStreamWriteValue32, 11070)                       \
    ENTRY(optional, stream_write_value64, cuStreamWriteValue64, 11070)                       \
    ENTRY(optional, stream_begin_capture, cuStreamBeginCapture, 10010)                       \
    ENTRY(optional, stream_end_capture, cuStreamEndCapture, 10000)                           \
    ENTRY(optional, graph_destroy, cuGraphDestroy, 10000)                                    \
    ENTRY(required, event_create, cuEventCreate, 2000)                                       \
    ENTRY(required, event_destroy, cuEventDestroy, 4000)                                     \
    ENTRY(required, event_record, cuEventRecord, 2000)                                       \
    ENTRY(required, event_query, cuEventQuery, 2000)                                         \
    ENTRY(required, event_synchronize, cuEventSynchronize, 2000)                             \
    ENTRY(required, event_elapsed_time, cuEventElapsedTime, 2000)                            \
    ENTRY(required, memcpy_h2d_async, cuMemcpyHtoDAsync, 3020)                               \
    ENTRY(required, memcpy_d2h_async, cuMemcpyDtoHAsync, 3020)                               \
    ENTRY(required, memcpy_d2d_async, cuMemcpyDtoDAsync, 3020)                               \
    ENTRY(optional, memcpy_peer_async, cuMemcpyPeerAsync, 4000)                              \
    ENTRY(required, memcpy_2d_async, cuMemcpy2DAsync, 3020)                                  \
    ENTRY(required, memset_d8_async, cuMemsetD8Async, 3020)                                  \
    ENTRY(required, memset_d32_async, cuMemsetD32Async, 3020)                                \
    ENTRY(optional, memcpy_batch_async_12080, cuMemcpyBatchAsync, 12080)                     \
    ENTRY(optional, memcpy_batch_async_13000, cuMemcpyBatchAsync, 13000)                     \
    ENTRY(optional, ipc_get_mem_handle, cuIpcGetMemHandle, 4010)                             \
    ENTRY(optional, ipc_open_mem_handle, cuIpcOpenMemHandle, 11000)                          \
    ENTRY(optional, ipc_close_mem_handle, cuIpcCloseMemHandle, 4010)                         \
    ENTRY(optional, mem_get_allocation_granularity, cuMemGetAllocationGranularity, 10020)    \
    ENTRY(optional, mem_create, cuMemCreate, 10020)                                          \
    ENTRY(optional, mem_release, cuMemRelease, 10020)                                        \
    ENTRY(optional, mem_address_reserve, cuMemAddressReserve, 10020)                         \
    ENTRY(optional, mem_address_free, cuMemAddressFree, 10020)                               \
    ENTRY(optional, mem_map, cuMemMap, 10020)                                                \
    ENTRY(optional, mem_unmap, cuMemUnmap, 10020)                                            \
    ENTRY(optional, mem_set_access, cuMemSetAccess, 10020)                                   \
    ENTRY(optional, mem_export_to_shareable_handle, cuMemExportToShareableHandle, 10020)     \
    ENTRY(optional, mem_import_from_shareable_handle, cuMemImportFromShareableHandle, 10020) \
    ENTRY(optional, mem_retain_allocation_handle, cuMemRetainAllocationHandle, 11000)        \
    ENTRY(optional, library_load_data, cuLibraryLoadData, 12000)                             \
    ENTRY(optional, library_unload, cuLibraryUnload, 12000)                                  \
    ENTRY(optional, library_get_kernel, cuLibraryGetKernel, 12000)                           \
    ENTRY(optional, kernel_get_function, cuKernelGetFunction, 12000)                         \
    ENTRY(optional, func_load, cuFuncLoad, 12040)                                            \
    ENTRY(optional, launch_kernel, cuLaunchKernel, 4000)
