// SPDX-License-Identifier: Apache-2.0

//! copy SOURCE TARGET — copies a file through waves and prints what the counters say.
//!
//! Each chunk is two waves: a read into its buffer, and a write that waits for the read.  As many
//! chunks are under way as there are buffers; a flush ends it.

use bwrt::constants::*;
use bwrt::ffi::*;
use std::ffi::CStr;
use std::fs::File;
use std::mem::size_of;
use std::os::raw::c_char;
use std::os::unix::io::AsRawFd;
use std::ptr::null_mut;

const CHUNK_BYTES: u64 = 1 << 20;
const BUFFER_COUNT: u64 = 4;

fn text(characters: *const c_char) -> String {
    // SAFETY: what the library writes ends with a zero byte.
    unsafe { CStr::from_ptr(characters) }.to_string_lossy().into_owned()
}

fn status_name(status: bwrt_status) -> String {
    // SAFETY: the name is static.
    text(unsafe { bwrt_status_name(status) })
}

/// Calls with a bwrt_error and turns a failure into its sentence.
fn must(call: impl FnOnce(&mut bwrt_error) -> bwrt_status) -> Result<(), String> {
    let mut error = bwrt_error::default();
    match call(&mut error) {
        BWRT_OK => Ok(()),
        status => Err(format!("{}: {}", status_name(status), text(error.message.as_ptr()))),
    }
}

struct Runtime(*mut bwrt_runtime);

impl Runtime {
    fn open() -> Result<Runtime, String> {
        let mut runtime = null_mut();
        // SAFETY: all pointers of this and the calls below are valid until the call returns.
        must(|error| unsafe { bwrt_open(std::ptr::null(), &mut runtime, error) })?;
        Ok(Runtime(runtime))
    }

    fn add(&self, mut region: bwrt_region) -> Result<(bwrt_handle, u64), String> {
        let (mut handle, mut info) = (0, bwrt_region_info::default());
        region.struct_size = size_of::<bwrt_region>() as u32;
        info.struct_size = size_of::<bwrt_region_info>() as u32;
        must(|error| unsafe { bwrt_region_add(self.0, &region, &mut handle, &mut info, error) })?;
        Ok((handle, info.length_bytes))
    }

    /// Takes one operation; it starts when the wave `after` has ended well, 0 for at once.
    fn submit(&self, operation: bwrt_operation, after: bwrt_handle) -> Result<bwrt_handle, String> {
        let mut handle = 0;
        let wave = bwrt_wave {
            struct_size: size_of::<bwrt_wave>() as u32,
            operations: &operation,
            operation_count: 1,
            operation_bytes: size_of::<bwrt_operation>() as u32,
            wait_for: [after, 0, 0, 0],
            ..Default::default()
        };
        must(|error| unsafe { bwrt_submit_wave(self.0, &wave, &mut handle, error) })?;
        Ok(handle)
    }

    fn wait(&self, wave: bwrt_handle) -> Result<(), String> {
        let mut done = bwrt_completion::default();
        must(|error| unsafe { bwrt_wait(self.0, wave, -1, &mut done, error) })?;
        if done.status == BWRT_OK {
            return Ok(());
        }
        let reason = std::io::Error::from_raw_os_error(done.os_code);
        Err(format!("a wave ended with {} ({reason})", status_name(done.status)))
    }

    fn print_counters(&self) -> Result<(), String> {
        let mut routes = [bwrt_route::default(); 4];
        let mut counters = bwrt_counters {
            struct_size: size_of::<bwrt_counters>() as u32,
            routes: routes.as_mut_ptr(),
            route_capacity: routes.len() as u32,
            route_bytes: size_of::<bwrt_route>() as u32,
            ..Default::default()
        };
        must(|error| unsafe { bwrt_sample(self.0, &mut counters, error) })?;
        println!("{} waves, {} of them well", counters.waves_accepted, counters.waves_ok);
        for route in &routes[..routes.len().min(counters.route_count as usize)] {
            let name = match (route.source_tier, route.target_tier) {
                (BWRT_TIER_DISK, BWRT_TIER_HOST) => "read",
                (BWRT_TIER_HOST, BWRT_TIER_DISK) => "written",
                _ => continue,
            };
            println!("{name}: {} bytes in {} requests", route.bytes, route.request_count);
        }
        Ok(())
    }
}

impl Drop for Runtime {
    /// Ends what still runs, so that nothing is written to memory that is gone.
    fn drop(&mut self) {
        unsafe {
            bwrt_shutdown(self.0, BWRT_SHUTDOWN_CANCEL, -1, null_mut());
            bwrt_close(self.0, null_mut());
        }
    }
}

fn copy(source: &File, target: &File) -> Result<(), String> {
    if source.metadata().map_or(false, |file| file.is_file() && file.len() == 0) {
        println!("nothing to copy"); // and a region has at least one byte
        return Ok(());
    }
    let runtime = Runtime::open()?;
    let (file, length_bytes) = runtime.add(bwrt_region {
        kind: BWRT_REGION_FILE,
        flags: BWRT_REGION_READ_ONLY,
        fd: source.as_raw_fd(),
        ..Default::default()
    })?;
    let (copy, _) = runtime.add(bwrt_region {
        kind: BWRT_REGION_FILE,
        fd: target.as_raw_fd(),
        length_bytes, // it has none yet
        ..Default::default()
    })?;
    let (memory, _) = runtime.add(bwrt_region {
        kind: BWRT_REGION_ALLOCATED,
        length_bytes: BUFFER_COUNT * CHUNK_BYTES,
        ..Default::default()
    })?;

    let mut under_way = std::collections::VecDeque::new();
    for chunk in 0..(length_bytes + CHUNK_BYTES - 1) / CHUNK_BYTES {
        if under_way.len() as u64 == 2 * BUFFER_COUNT {
            runtime.wait(under_way.pop_front().unwrap())?; // the read
            runtime.wait(under_way.pop_front().unwrap())?; // the write: the buffer is free
        }
        let (file_offset, buffer_offset) =
            (chunk * CHUNK_BYTES, chunk % BUFFER_COUNT * CHUNK_BYTES);
        let read = bwrt_operation {
            kind: BWRT_OP_READ,
            source: file,
            target: memory,
            source_offset_bytes: file_offset,
            target_offset_bytes: buffer_offset,
            length_bytes: CHUNK_BYTES.min(length_bytes - file_offset),
            ..Default::default()
        };
        let write = bwrt_operation {
            kind: BWRT_OP_WRITE,
            source: memory,
            target: copy,
            source_offset_bytes: buffer_offset,
            target_offset_bytes: file_offset,
            ..read
        };
        under_way.push_back(runtime.submit(read, 0)?);
        under_way.push_back(runtime.submit(write, *under_way.back().unwrap())?);
    }
    for wave in under_way {
        runtime.wait(wave)?;
    }
    let flush = bwrt_operation { kind: BWRT_OP_FLUSH, target: copy, ..Default::default() };
    runtime.wait(runtime.submit(flush, 0)?)?;
    runtime.print_counters()
}

fn main() {
    let names: Vec<String> = std::env::args().skip(1).collect();
    if names.len() != 2 {
        eprintln!("usage: copy SOURCE TARGET");
        std::process::exit(2);
    }
    let (source, target) = (&names[0], &names[1]);
    let copied = (|| {
        let source = File::open(source).map_err(|error| format!("{source}: {error}"))?;
        let target = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(target)
            .map_err(|error| format!("{target}: {error}"))?;
        copy(&source, &target)
    })();
    if let Err(sentence) = copied {
        eprintln!("{sentence}");
        std::process::exit(1);
    }
}
