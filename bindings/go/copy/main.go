// SPDX-License-Identifier: Apache-2.0

// copy SOURCE TARGET copies a file through waves and prints what the counters say.
//
// It calls bwrt.h through cgo.  Two rules of cgo shape it: a struct of C that holds pointers lies in
// C's memory, never in Go's, and so do the bytes that a wave moves, which are bwrt's until its
// completion.  Calls that wait keep an operating system thread, not the other goroutines.
//
// Each chunk is two waves: a read into its buffer, and a write that waits for the read.  As many
// chunks are under way as there are buffers; a flush ends it.
package main

// #cgo LDFLAGS: -lbwrt
// #include <bwrt.h>
// #include <stdlib.h>
import "C"

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

const (
	chunkBytes  = 1 << 20
	bufferCount = 4
)

type runtime struct {
	handle *C.bwrt_runtime
	// In C's memory: what is submitted, one operation at a time.
	wave      *C.bwrt_wave
	operation *C.bwrt_operation
}

// sentence turns the status of a call into an error that says what was wrong.
func sentence(status C.bwrt_status, failure *C.bwrt_error) error {
	if status == C.BWRT_OK {
		return nil
	}
	name := C.GoString(C.bwrt_status_name(status))
	return fmt.Errorf("%s: %s", name, C.GoString(&failure.message[0]))
}

func open() (*runtime, error) {
	var failure C.bwrt_error
	r := &runtime{}
	if err := sentence(C.bwrt_open(nil, &r.handle, &failure), &failure); err != nil {
		return nil, err
	}
	r.wave = (*C.bwrt_wave)(C.calloc(1, C.sizeof_bwrt_wave))
	r.operation = (*C.bwrt_operation)(C.calloc(1, C.sizeof_bwrt_operation))
	r.wave.struct_size = C.sizeof_bwrt_wave
	r.wave.operations = r.operation
	r.wave.operation_count = 1
	r.wave.operation_bytes = C.sizeof_bwrt_operation
	return r, nil
}

// close ends what still runs, so that nothing is written to memory that is gone.
func (r *runtime) close() {
	C.bwrt_shutdown(r.handle, C.BWRT_SHUTDOWN_CANCEL, -1, nil)
	C.bwrt_close(r.handle, nil)
	C.free(unsafe.Pointer(r.operation))
	C.free(unsafe.Pointer(r.wave))
}

func (r *runtime) add(region C.bwrt_region) (C.bwrt_handle, C.uint64_t, error) {
	var handle C.bwrt_handle
	var info C.bwrt_region_info
	var failure C.bwrt_error
	region.struct_size = C.sizeof_bwrt_region
	info.struct_size = C.sizeof_bwrt_region_info
	status := C.bwrt_region_add(r.handle, &region, &handle, &info, &failure)
	return handle, info.length_bytes, sentence(status, &failure)
}

// submit takes one operation; it starts when the wave after has ended well, 0 for at once.
func (r *runtime) submit(operation C.bwrt_operation, after C.bwrt_handle) (C.bwrt_handle, error) {
	var handle C.bwrt_handle
	var failure C.bwrt_error
	*r.operation = operation
	r.wave.wait_for[0] = after
	status := C.bwrt_submit_wave(r.handle, r.wave, &handle, &failure)
	return handle, sentence(status, &failure)
}

func (r *runtime) wait(wave C.bwrt_handle) error {
	var done C.bwrt_completion
	var failure C.bwrt_error
	status := C.bwrt_wait(r.handle, wave, -1, &done, &failure)
	if err := sentence(status, &failure); err != nil {
		return err
	}
	if done.status != C.BWRT_OK {
		name := C.GoString(C.bwrt_status_name(done.status))
		return fmt.Errorf("a wave ended with %s (%v)", name, syscall.Errno(done.os_code))
	}
	return nil
}

func (r *runtime) printCounters() error {
	const routeCapacity = 4
	var failure C.bwrt_error
	counters := (*C.bwrt_counters)(C.calloc(1, C.sizeof_bwrt_counters))
	defer C.free(unsafe.Pointer(counters))
	counters.struct_size = C.sizeof_bwrt_counters
	counters.routes = (*C.bwrt_route)(C.calloc(routeCapacity, C.sizeof_bwrt_route))
	defer C.free(unsafe.Pointer(counters.routes))
	counters.route_capacity = routeCapacity
	counters.route_bytes = C.sizeof_bwrt_route
	if err := sentence(C.bwrt_sample(r.handle, counters, &failure), &failure); err != nil {
		return err
	}
	fmt.Printf("%d waves, %d of them well\n", counters.waves_accepted, counters.waves_ok)
	for i, route := range unsafe.Slice(counters.routes, routeCapacity) {
		if i >= int(counters.route_count) {
			break
		}
		if route.source_tier == C.BWRT_TIER_DISK && route.target_tier == C.BWRT_TIER_HOST {
			fmt.Printf("read: %d bytes in %d requests\n", route.bytes, route.request_count)
		}
		if route.source_tier == C.BWRT_TIER_HOST && route.target_tier == C.BWRT_TIER_DISK {
			fmt.Printf("written: %d bytes in %d requests\n", route.bytes, route.request_count)
		}
	}
	return nil
}

// addRegions adds both files and the buffers between them.
func (r *runtime) addRegions(source, target *os.File) (file, copy, memory C.bwrt_handle,
	lengthBytes C.uint64_t, err error) {
	file, lengthBytes, err = r.add(C.bwrt_region{kind: C.BWRT_REGION_FILE,
		flags: C.BWRT_REGION_READ_ONLY, fd: C.int32_t(source.Fd())})
	if err != nil {
		return
	}
	copy, _, err = r.add(C.bwrt_region{kind: C.BWRT_REGION_FILE,
		fd: C.int32_t(target.Fd()), length_bytes: lengthBytes}) // it has none yet
	if err != nil {
		return
	}
	memory, _, err = r.add(C.bwrt_region{kind: C.BWRT_REGION_ALLOCATED,
		length_bytes: bufferCount * chunkBytes})
	return
}

func copyFile(source, target *os.File) error {
	if status, err := source.Stat(); err == nil && status.Mode().IsRegular() && status.Size() == 0 {
		fmt.Println("nothing to copy") // and a region has at least one byte
		return nil
	}
	r, err := open()
	if err != nil {
		return err
	}
	defer r.close()
	file, copy, memory, lengthBytes, err := r.addRegions(source, target)
	if err != nil {
		return err
	}

	var underWay [][2]C.bwrt_handle // read and write of each chunk
	finishFirst := func() error {
		for _, wave := range underWay[0] {
			if err := r.wait(wave); err != nil {
				return err
			}
		}
		underWay = underWay[1:]
		return nil
	}
	for offset := C.uint64_t(0); offset < lengthBytes; offset += chunkBytes {
		if len(underWay) == bufferCount {
			if err := finishFirst(); err != nil {
				return err
			}
		}
		operation := C.bwrt_operation{kind: C.BWRT_OP_READ, source: file, target: memory,
			source_offset_bytes: offset,
			target_offset_bytes: offset / chunkBytes % bufferCount * chunkBytes,
			length_bytes:        chunkBytes}
		if lengthBytes-offset < chunkBytes {
			operation.length_bytes = lengthBytes - offset
		}
		read, err := r.submit(operation, 0)
		if err != nil {
			return err
		}
		operation.kind, operation.source, operation.target = C.BWRT_OP_WRITE, memory, copy
		operation.source_offset_bytes = operation.target_offset_bytes
		operation.target_offset_bytes = offset
		write, err := r.submit(operation, read)
		if err != nil {
			return err
		}
		underWay = append(underWay, [2]C.bwrt_handle{read, write})
	}
	for len(underWay) > 0 {
		if err := finishFirst(); err != nil {
			return err
		}
	}
	flush, err := r.submit(C.bwrt_operation{kind: C.BWRT_OP_FLUSH, target: copy}, 0)
	if err != nil {
		return err
	}
	if err := r.wait(flush); err != nil {
		return err
	}
	return r.printCounters()
}

func run(sourceName, targetName string) error {
	source, err := os.Open(sourceName)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.Create(targetName)
	if err != nil {
		return err
	}
	defer target.Close()
	return copyFile(source, target)
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: copy SOURCE TARGET")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
