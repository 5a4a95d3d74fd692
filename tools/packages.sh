# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# packages.sh — installs what a script needs and the machine lacks.  Sourced by tools/demo and
# tools/check.
#
# A need is looked for by what it gives (a command, a header, a file), not by its package, so a
# compiler from elsewhere counts and a complete machine is never touched: no apt-get runs then.
# The packages are Debian 12's; on other systems the missing ones are named and it is left there.

# has_need NEED: NEED is a command, <header> or an absolute path, which may hold wildcards.
has_need() {
    case $1 in
        '<'*'>')
            local header=${1#<} folder
            header=${header%>}
            for folder in /usr/include /usr/local/include /usr/include/*-linux-gnu; do
                [ -e "$folder/$header" ] && return 0
            done
            return 1 ;;
        /*) compgen -G "$1" >/dev/null ;;
        *) command -v "$1" >/dev/null ;;
    esac
}

# install_missing NEED=PACKAGE...: one apt-get for all that is missing, quiet unless it fails.
install_missing() {
    local pair packages=() as_root=()
    for pair in "$@"; do
        has_need "${pair%%=*}" || packages+=("${pair#*=}")
    done
    [ ${#packages[@]} -eq 0 ] && return 0

    if ! command -v apt-get >/dev/null; then
        echo "missing, and this system has no apt-get to install it: ${packages[*]}" >&2
        return 1
    fi
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then
            echo "missing, and installing takes root or sudo: ${packages[*]}" >&2
            return 1
        fi
        as_root=(sudo)
    fi

    echo "installing ${packages[*]}"
    local log
    log=$(mktemp)
    if "${as_root[@]}" apt-get -qq update >"$log" 2>&1 </dev/null &&
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
            --no-install-recommends install "${packages[@]}" >>"$log" 2>&1 </dev/null; then
        rm -f "$log"
        return 0
    fi
    cat "$log" >&2
    rm -f "$log"
    return 1
}
