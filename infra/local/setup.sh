# Sets up the virtual environment .venv with the packages of requirement files. Scripts source it;
# they set $root before, and $python is set after.

fail() {
    echo "$1" >&2
    exit 2
}

find_python() {
    local candidate
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    fail "Python 3.11 or newer is missing: install it with \`sudo apt-get install python3.11 python3.11-venv\`."
}

# narrate [SECONDS]: shows what pip does, from its output: on a terminal in one line that changes,
# in a log each download; and after so many silent seconds (5) that it goes on
narrate() {
    local line text="  starting pip" began=$SECONDS end=$'\n' clear="" status
    [ -t 2 ] && end="" clear=$'\r\033[K'
    while true; do
        status=0
        IFS= read -r -t "${1:-5}" line || status=$?
        if [ "$status" -gt 128 ]; then # nothing was read in time
            printf '%s%s ... %d s%s' "$clear" "$text" "$((SECONDS - began))" "$end" >&2
            continue
        fi
        [ "$status" -eq 0 ] || break
        case "$line" in
            *Downloading\ * | *"Installing collected packages"*)
                text="  ${line#"${line%%[! ]*}"}"
                text="${text:0:76}"
                printf '%s%s%s' "$clear" "$text" "$end" >&2
                ;;
            *Collecting\ *)
                text="  ${line:0:74}"
                [ -t 2 ] && printf '%s%s' "$clear" "$text" >&2
                ;;
        esac
    done
    printf '%s' "$clear" >&2
}

# pip_install ARGUMENT ...: runs pip, whose errors are shown as they are, without its warnings
pip_install() {
    PYTHONUNBUFFERED=1 "$python" -m pip install --disable-pip-version-check --progress-bar off \
        "$@" 2> >(grep -v '^WARNING: ' >&2) | narrate
}

# install STAMP FILE ...: installs the files into .venv if one has changed since the last time
install() {
    local stamp="$root/.venv/$1" wanted have=""
    shift
    wanted="$(cat "$root/infra/constraints.txt" "$@" | cksum)"
    [ -f "$stamp" ] && have="$(cat "$stamp")"
    [ "$wanted" = "$have" ] && return
    local file
    echo "Installing ${*#"$root"/} into .venv (once) ..." >&2
    for file in "$@"; do # each alone: with one that has hashes, all must have them
        case "$file" in
            *requirements-data.txt) pip_install --no-deps -r "$file" ;;
            *) pip_install -r "$file" ;;
        esac
    done
    echo "$wanted" >"$stamp"
}

set_up() {
    local found
    python="$root/.venv/bin/python"
    if ! "$python" -c 'import pip' 2>/dev/null; then
        found="$(find_python)" || exit 2
        echo "Making a virtual environment in .venv (once) ..." >&2
        "$found" -m venv --clear "$root/.venv" 2>/dev/null ||
            fail "Python's venv module is missing: install it with \`sudo apt-get install python3-venv\`."
    fi
    find_sources
}

# landfall, for every tool of .venv; the path is relative to site-packages
find_sources() {
    local packages
    for packages in "$root"/.venv/lib/python3*/site-packages; do
        echo ../../../../functions >"$packages/landfall.pth"
    done
}

# installs the packages of the functions and of the local stack
install_local() {
    install .installed-local "$root/requirements.txt" "$root/infra/local/requirements.txt" \
        "$root/infra/local/requirements-data.txt"
}
