#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# check_package.sh BUILD_DIR — what is installed works where it was not built.  BUILD_DIR is a
# Release build with the command; its install prefix is set anew here, and nothing is compiled in it.
#
#   a prefix      cmake --install, then moved elsewhere: the command runs, programs are built with
#                 pkg-config and with find_package
#   a subproject  add_subdirectory gives bwrt::bwrt and builds no tests
#   packages      tools/package, then dpkg -i in roots that have nothing to do with this tree
#
# A root is a folder with the files and the dpkg records of a few installed packages of this
# system and of what those depend on, entered by chroot in a namespace of its own.  The first holds
# dpkg, a shell and what our packages name in Depends: what runs there needs nothing else.  The
# second adds a compiler, pkg-config and CMake: what is built there finds everything in libbwrt-dev.
# Nothing is downloaded, so it shows this release of the system and no other.
#
# Prints one line "ok", "not ok" or "skip" for each check; the status is 0 when none failed.
set -uo pipefail
export LC_ALL=C

if [ $# -ne 1 ]; then
    echo "usage: check_package.sh BUILD_DIR" >&2
    exit 2
fi
root=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
build=$(realpath "$1")
world=$(mktemp -d)
trap 'rm -rf "$world"' EXIT
failed=0

# check WHAT COMMAND...
check() {
    local what=$1 said
    shift
    if said=$("$@" 2>&1 </dev/null); then
        echo "ok $what"
    else
        echo "not ok $what"
        printf '%s\n' "$said" | tail -n 40 | sed 's/^/    /'
        failed=1
        return 1
    fi
}

says() { # PATTERN COMMAND...: it succeeds and says PATTERN
    local pattern=$1 said
    shift
    said=$("$@" 2>&1) && grep -qE "$pattern" <<<"$said" && return 0
    printf '%s\n' "no '$pattern' in:" "$said"
    return 1
}

names_no_place() { # FOLDER: nothing in it tells where it was built or installed first
    ! grep -rlF -e "$root" -e "$build" -e "$world/first" "$1"
}

# A prefix, moved after it was installed.

install_and_move() {
    cmake -S "$root" -B "$build" -DCMAKE_INSTALL_PREFIX=/usr/local -UCMAKE_INSTALL_DOCDIR \
        -DBWRT_INSTALL=ON -DBWRT_PACKAGE=OFF && cmake --build "$build" &&
        cmake --install "$build" --strip --prefix "$world/first" && mv "$world/first" "$world/prefix"
}

builds_with_pkg_config() { # FLAGS...
    local flags
    flags=$(PKG_CONFIG_PATH=$(dirname "$(find "$world/prefix" -name bwrt.pc)") \
        pkg-config --cflags --libs bwrt) || return
    # shellcheck disable=SC2086
    cc "$root/examples/hello.c" $flags -Wl,-rpath,"$libraries" -o "$world/hello" &&
        says '^loaded: 4096 bytes' "$world/hello" "$root/README.md"
}

builds_with_find_package() { # VERSION
    rm -rf "$world/found"
    cmake -S "$root/tests/package/find_package" -B "$world/found" -DWANTED="$1" \
        -DPROGRAM="$root/examples/hello.c" -DCMAKE_PREFIX_PATH="$world/prefix" &&
        cmake --build "$world/found" && says '^loaded: 4096 bytes' "$world/found/program" "$root/README.md"
}

refuses_version() {
    ! builds_with_find_package "$1" >"$world/said" 2>&1 || return
    says "requested version \"$1\"" cat "$world/said"
}

check_prefix() {
    local libraries
    check "the build is installed into a prefix" install_and_move || return
    libraries=$(dirname "$(find "$world/prefix" -name 'libbwrt.so' | head -n 1)")
    check "nothing installed tells where it was built" names_no_place "$world/prefix"
    check "the moved command runs" says 'ABI 0\.' "$world/prefix/bin/bwrt" caps
    check "a program is built with pkg-config in a moved prefix" builds_with_pkg_config
    check "a program is built with find_package in a moved prefix" builds_with_find_package 0.1
    check "find_package refuses another major version" refuses_version 1.0
    check "a project with bwrt inside gets bwrt::bwrt, no tests and no settings" \
        cmake -S "$root/tests/package/subdirectory" -B "$world/inside" -DBWRT_SOURCE="$root"
}

# Roots.

# enter ROOT COMMAND...: with /proc and nothing else of this system's; gone with the command.
enter() {
    local user=()
    [ "$(id -u)" -eq 0 ] || user=(--map-root-user)
    unshare "${user[@]}" --mount bash -c '
        mount --rbind /proc "$0/proc" && mount --bind /dev/null "$0/dev/null" &&
            exec chroot "$0" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ \
                DEBIAN_FRONTEND=noninteractive "$@"' "$@"
}

closure() { # PACKAGE...: these and all they depend on, as installed here
    apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
        --no-replaces --no-enhances --installed "$@" | grep '^[a-z0-9]' | sort -u
}

plant_root() { # ROOT PACKAGE...
    local new=$1 package name
    shift
    mkdir -p "$new"/{usr/{bin,sbin,lib,lib64,share},var/{lib/dpkg/{info,updates,triggers},log,cache/ldconfig},etc,tmp,proc,dev} || return
    for name in bin sbin lib lib64; do ln -s "usr/$name" "$new/$name"; done
    : >"$new/dev/null"
    echo 'root:x:0:0:root:/:/bin/sh' >"$new/etc/passwd"
    echo 'root:x:0:' >"$new/etc/group"
    for package in $(closure "$@"); do
        dpkg-query -s "$package" && echo
    done >"$new/var/lib/dpkg/status"
    for package in $(closure "$@"); do
        dpkg-query -L "$package" | tee "$world/list" >"$new/var/lib/dpkg/info/$package.list"
        cat "$world/list"
    done | grep -vE '^/usr/share/(doc|man|locale|info|lintian)/|^/(\.|bin|sbin|lib|lib64)?$' |
        while IFS= read -r name; do
            if [ -L "$name" ] || [ -f "$name" ]; then printf '%s\n' "$name"; fi
        done | tar -C / --files-from - --ignore-failed-read -cf - 2>/dev/null |
        tar -C "$new" --keep-directory-symlink -xf -
    enter "$new" /sbin/ldconfig
}

# What a package names in Depends, without versions and without our own.
depends() {
    local package
    for package in "$@"; do dpkg-deb -f "$package" Depends; done |
        tr ',' '\n' | sed -E 's/\(.*//; s/ //g' | grep -vE '^(libbwrt|bwrt|$)' | sort -u
}

owned_by_root() { # PACKAGE...: and writable by nobody else
    local package
    for package in "$@"; do
        dpkg-deb -c "$package" | awk '$2 != "root/root" || ($1 !~ /^l/ && $1 ~ /^.(.{4}w|.{7}w)/)'
    done | { ! grep .; }
}

stripped() { # FILE...
    local file
    for file in "$@"; do
        ! readelf -SW "$file" | grep -E '\.(debug_info|symtab)' || return
        ! readelf -dW "$file" | grep -E 'RPATH|RUNPATH' || return
    done
}

installs() { # ROOT PACKAGE...
    local new=$1
    shift
    cp "$@" "$new/tmp/" && enter "$new" sh -c 'dpkg -i /tmp/*.deb && rm /tmp/*.deb'
}

copies_a_file() { # ROOT
    head -c 3000017 /dev/urandom >"$1/tmp/source"
    enter "$1" bwrt copy /tmp/source /tmp/target && cmp "$1/tmp/source" "$1/tmp/target"
}

leaves_nothing_behind() { # ROOT
    enter "$1" dpkg --purge bwrt libbwrt-dev libbwrt0 &&
        ! find "$1/usr" "$1/etc" -name '*bwrt*' | grep -v ld.so.cache
}

cannot_enter() { # says why
    local name
    for name in dpkg dpkg-deb dpkg-query apt-cache dpkg-shlibdeps unshare chroot; do
        command -v "$name" >/dev/null || { echo "no $name here"; return; }
    done
    mkdir -p "$world/probe"
    unshare $([ "$(id -u)" -eq 0 ] || echo --map-root-user) --mount \
        mount --bind /proc "$world/probe" 2>/dev/null || echo "no mount namespaces here"
}

check_packages() {
    local reason packages clean=$world/clean building=$world/building hello
    if ! command -v dpkg-deb >/dev/null || ! command -v dpkg-shlibdeps >/dev/null; then
        echo "skip packages: no dpkg-dev here"
        return
    fi
    check "tools/package makes the packages" "$root/tools/package" "$build" "$world/packages" || return
    packages=("$world"/packages/{libbwrt0,libbwrt-dev,bwrt}_*.deb)
    for package in "${packages[@]}"; do dpkg-deb -x "$package" "$world/extracted"; done
    check "what is in the packages belongs to root" owned_by_root "${packages[@]}"
    check "the binaries are stripped and name no path" \
        stripped "$world/extracted"/usr/lib/*/libbwrt.so.0 "$world/extracted/usr/bin/bwrt"
    check "nothing packaged tells where it was built" names_no_place "$world/extracted"
    check "the library depends on libc, the compiler's runtime and cJSON" \
        diff <(depends "${packages[0]}") <(printf '%s\n' libc6 libcjson1 libgcc-s1 'libstdc++6')

    reason=$(cannot_enter)
    if [ -n "$reason" ]; then
        echo "skip the packages in a clean root: $reason"
        return
    fi
    # shellcheck disable=SC2046
    check "a clean root is made" plant_root "$clean" dpkg dash coreutils diffutils libc-bin \
        $(depends "${packages[0]}" "${packages[2]}") || return
    check "dpkg -i takes the library and the command" installs "$clean" "${packages[0]}" "${packages[2]}"
    check "bwrt caps runs in the clean root" says '^bwrt .*ABI 0\.' enter "$clean" bwrt caps
    check "bwrt copy runs in the clean root" copies_a_file "$clean"
    check "dpkg --purge leaves nothing behind" leaves_nothing_behind "$clean"

    for name in gcc libc6-dev pkgconf cmake make; do
        dpkg-query -s "$name" >/dev/null 2>&1 && continue
        echo "skip the packages in a root with a compiler: $name is not installed as a package"
        return
    done
    # shellcheck disable=SC2046
    check "a root with a compiler is made" plant_root "$building" dpkg dash coreutils diffutils libc-bin \
        gcc libc6-dev pkgconf cmake make $(depends "${packages[0]}" "${packages[1]}") || return
    hello=/usr/share/doc/libbwrt-dev/examples/hello.c
    check "dpkg -i takes the library and its header" installs "$building" "${packages[@]:0:2}"
    check "the packaged example is built with pkg-config and runs" says '^loaded: 4096 bytes' \
        enter "$building" sh -c "gcc $hello \$(pkgconf --cflags --libs bwrt) -o /tmp/hello && /tmp/hello /tmp/hello"
    cp -r "$root/tests/package/find_package" "$building/tmp/project"
    check "the packaged example is built with find_package and runs" says '^loaded: 4096 bytes' \
        enter "$building" sh -c "cmake -S /tmp/project -B /tmp/b -DPROGRAM=$hello \
            -DCMAKE_C_COMPILER=gcc && cmake --build /tmp/b && /tmp/b/program /tmp/b/program"
}

check_prefix
check_packages
exit "$failed"
