# Sourced by the scripts beside it: a Python environment and Debian packages on a machine that may
# have only python3. POSIX sh. A function that cannot do its work prints one sentence that says why
# and ends the script with 1.

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

# progress WORDS COMMAND...: run a command that takes long, and print "WORDS… 12 s" meanwhile. Its
# output goes to a log, of which the end is shown if it fails. Returns its exit status.
progress() {
    words=$1
    shift
    log=$(mktemp)
    begun=$(date +%s)
    # In the background, where Ctrl-C does not reach it: the trap passes it on.
    "$@" >"$log" 2>&1 </dev/null &
    child=$!
    trap 'kill "$child" 2>/dev/null; rm -f "$log"; printf "\n" >&2; exit 130' INT TERM HUP
    printf '%s…' "$words"
    while kill -0 "$child" 2>/dev/null; do
        [ ! -t 1 ] || printf '\r%s… %s s' "$words" "$(($(date +%s) - begun))"
        sleep 1
    done
    status=0
    wait "$child" || status=$?
    trap - INT TERM HUP
    [ ! -t 1 ] || printf '\r%s…' "$words"
    printf ' %s s\n' "$(($(date +%s) - begun))"
    if [ "$status" -ne 0 ]; then
        tail -n 20 "$log" >&2
    fi
    rm -f "$log"
    return "$status"
}

_apt_install() {
    # The package lists of a fresh machine are empty or old: fetch them and try again.
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" && return
    apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

_installer=_apt_install

# install_debian PACKAGE...: install these as root; otherwise name them and end.
install_debian() {
    command -v apt-get >/dev/null 2>&1 ||
        fail "This needs what Debian and Ubuntu call $*; install it with this system's tools."
    [ "$(id -u)" -eq 0 ] || fail "This needs: sudo apt-get install -y $*"
    progress "Installing Debian packages: $*" "$_installer" "$@" ||
        fail "apt-get could not install $*; its last words are above."
}

# need_debian COMMAND=PACKAGE...: require each command (a name or a path). If some are missing,
# install their packages as root, or name them and end.
need_debian() {
    missing=
    for pair in "$@"; do
        command -v "${pair%%=*}" >/dev/null 2>&1 || missing="$missing ${pair#*=}"
    done
    # Package names contain no white space: splitting is intended.
    # shellcheck disable=SC2086
    [ -z "$missing" ] || install_debian $missing
}

# need_library SONAME=PACKAGE: the same for a shared library, which some wheels need.
need_library() {
    /sbin/ldconfig -p | grep -qF "${1%%=*} " || install_debian "${1#*=}"
}

# The package of a server starts it as a service of the machine, unless this file forbids it.
_apt_install_idle() {
    policy=/usr/sbin/policy-rc.d
    if [ -e "$policy" ]; then
        _apt_install "$@"
        return
    fi
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    status=0
    _apt_install "$@" || status=$?
    rm -f "$policy"
    if [ "$status" -eq 0 ] && [ -d /run/systemd/system ]; then
        systemctl disable --quiet "$@"
    fi
    return "$status"
}

# need_server COMMAND=PACKAGE: the same for a server that must not run as a service.
need_server() {
    command -v "${1%%=*}" >/dev/null 2>&1 && return
    _installer=_apt_install_idle
    install_debian "${1#*=}"
    _installer=_apt_install
}

_python_fits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' >/dev/null 2>&1
}

# find_python: set PYTHON to the first Python on the PATH that pciops supports.
find_python() {
    for PYTHON in python3 python3.13 python3.12 python3.11; do
        _python_fits "$PYTHON" && return
    done
    fail "pciops needs Python 3.11, 3.12 or 3.13, and none of them is on the PATH" \
        "(python3 is: $(python3 --version 2>/dev/null || echo missing))."
}

_new_environment() {
    find_python
    if ! "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null; then
        install_debian "$PYTHON-venv"
    fi
    progress "Making $1" "$PYTHON" -m venv "$1" || {
        rm -rf "$1"
        fail "$PYTHON could not make the environment $1; its last words are above."
    }
}

# An environment becomes unusable when the system's Python under it changes to another release.
_usable() {
    [ -x "$1/bin/python" ] && _python_fits "$1/bin/python" && "$1/bin/python" -c '
import os, sys
packages = "lib/python%d.%d/site-packages" % sys.version_info[:2]
sys.exit(not os.path.isdir(os.path.join(sys.prefix, packages)))'
}

# make_environment FOLDER REQUIREMENTS...: make a virtual environment with these requirements, with
# hashes. A copy of each file in the environment records that it was installed: a file that has not
# changed costs nothing, and an interrupted install is repeated. Other packages in the environment
# stay.
make_environment() {
    folder=$1
    shift
    # pip must not see another environment or install elsewhere.
    unset PYTHONPATH PYTHONHOME
    export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1
    # Two scripts may start at once: the lock is on the folder itself.
    if command -v flock >/dev/null 2>&1; then
        exec 9<.
        flock 9
    fi
    if ! _usable "$folder"; then
        rm -rf "$folder" 2>/dev/null || fail "$PWD/$folder is another user's and cannot be renewed."
        [ -w "$(dirname "$folder")" ] || fail "$PWD is another user's: nothing can be made in it."
        _new_environment "$folder"
    fi
    _install_changed "$folder" "$@"
    exec 9<&-
}

_install_changed() {
    folder=$1
    shift
    names=
    for file in "$@"; do
        stamp=$folder/installed-$(basename "$file")
        cmp -s "$file" "$stamp" && continue
        [ -w "$folder" ] || fail "$PWD/$folder is another user's and cannot be brought up to date."
        rm -f "$stamp"
        if ! "$folder/bin/python" -m pip --version >/dev/null 2>&1; then
            progress "Adding pip to $folder" "$folder/bin/python" -m ensurepip ||
                fail "$folder has no pip, and ensurepip could not add it; remove $folder."
        fi
        case $(basename "$file") in
            requirements.txt) names="pciops' libraries" ;;
            *) names="what $file lists" ;;
        esac
        progress "Installing $names" "$folder/bin/python" -m pip install --no-input \
            --progress-bar off --quiet --require-hashes -r "$file" ||
            fail "pip could not install $names; its last words are above. Is this machine online?"
        cp "$file" "$stamp.new"
        mv "$stamp.new" "$stamp"
    done
}

# step COMMAND...: run a command under its own words as a heading.
step() {
    printf '\n== %s\n' "$*"
    "$@"
}

# test_environment: what the tests and tools of .venv need.
test_environment() {
    export PATH="$PWD/.venv/bin:$PATH"
    export DJANGO_SETTINGS_MODULE=tests.settings
    # Development mode reports files and sockets that are left open; pytest turns warnings into
    # errors. Its checks of memory allocation cost a tenth of the time and concern C code only.
    export PYTHONDEVMODE=1 PYTHONMALLOC=default
    # Tests start Python a hundred times: compiled modules are kept.
    unset PYTHONDONTWRITEBYTECODE
}

# style_and_types: what script/check and script/test begin with.
style_and_types() {
    step ruff format --check
    step ruff check
    step mypy
    step python -W error manage.py makemigrations --check --dry-run
}
