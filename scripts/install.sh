#!/bin/sh
# Make a virtual environment and install locked requirements and this checkout into it, with one
# progress line. Usage: install.sh PYTHON VENV LOCK
set -eu
python=$1 venv=$2 lock=$3

"$python" - <<'PYTHON' || exit 1
import sys
if sys.version_info < (3, 11):
    sys.exit(f"triage needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}."
             " Name another with: make PYTHON=python3.12")
PYTHON

rm -rf "$venv"
"$python" -m venv "$venv" || {
    echo "cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv" >&2
    exit 1
}
total=$(($(grep -c '==' "$lock") + 1)) # and triage itself
log=$venv/install.log
done=0
if [ -t 1 ]; then back='\r\033[K' end=''; else back='' end='\n'; fi
printf 'installing %s packages into %s\n' "$total" "$venv"
{
    "$venv/bin/python" -m pip install --disable-pip-version-check --no-input --progress-bar off \
        --require-hashes --only-binary :all: -r "$lock" 2>&1 && echo "Collecting triage itself" &&
    "$venv/bin/python" -m pip install --disable-pip-version-check --no-input --progress-bar off \
        --no-deps --no-build-isolation --editable . 2>&1 && touch "$venv/installed"
} | while IFS= read -r line; do
    echo "$line" >>"$log"
    case $line in
    Collecting*)
        done=$((done + 1))
        name=${line#Collecting }
        printf "${back}[%s/%s] %s${end}" "$done" "$total" "${name%% *}"
        ;;
    esac
done
[ -t 1 ] && printf '\r\033[K'
if [ ! -f "$venv/installed" ]; then
    echo "installation failed; the last lines of $log:" >&2
    tail -n 15 "$log" >&2
    exit 1
fi
printf 'ready: %s\n' "$venv"
