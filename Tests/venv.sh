#!/bin/sh
# Makes a virtual environment for Python packages that tests read our output with, once, and prints its python.
#   Tests/venv.sh NAME PACKAGE...
# Exit 77 = it cannot be made here (no python3-venv, or no way to the packages).
set -eu
name=$1
shift
folder=${THALWEG_TEST_VENVS:-${TMPDIR:-/tmp}}/thalweg-$name
exec 9> "$folder.lock"
flock 9
if [ ! -e "$folder/whole" ]; then
  python3 -m venv "$folder" > "$folder.log" 2>&1 &&
    timeout 400 "$folder/bin/pip" install -q --timeout 10 --retries 1 "$@" >> "$folder.log" 2>&1 || {
    tail -c 300 "$folder.log" >&2
    exit 77
  }
  touch "$folder/whole"
fi
echo "$folder/bin/python"
