#!/usr/bin/env bash
# How long `astral-server scan` takes beside ripgrep, on 300 MB of text: tests/scan_benchmark.sh [BINARY [ROUNDS]].
# Both search all files, hidden and ignored ones too, and tell line and column. The files are in memory when it counts.
set -euo pipefail
cd "$(dirname "$0")/.."

scan=${1:-target/release/astral-server}
rounds=${2:-5}
work=target/scan-benchmark
files=$work/files
secret=astral_live_0123456789ABCDEFGHIJKLMNOP0IezIr
pattern='astral_(live|session|invitation)_[0-9A-Za-z]{32}'

[ -x "$scan" ] || { echo "there is no $scan: cargo build --release" >&2; exit 1; }
type -P rg >/dev/null || { echo "ripgrep is needed: cargo install ripgrep, or apt-get install ripgrep" >&2; exit 1; }

if [ ! -e "$work/complete" ]; then
  echo "making 300 MB of text in $files"
  rm -rf "$work"
  mkdir -p "$files"
  # 1 MB of lines of words, the same each time.
  awk 'BEGIN {
    srand(1)
    for (size = 0; size < 1000000; size += length(line) + 1) {
      line = ""
      for (words = int(rand() * 14); words >= 0; words--) {
        for (letters = 2 + int(rand() * 8); letters > 0; letters--) line = line sprintf("%c", 97 + int(rand() * 26))
        line = line (rand() < 0.1 ? "_" : " ")
      }
      print line
    }
  }' >"$work/block"
  # Half in files of 10 MB, half in files of 16 kB.
  for number in $(seq 15); do
    for _ in $(seq 10); do cat "$work/block"; done >"$files/large-$number.txt"
  done
  for number in $(seq 150); do
    mkdir "$files/folder-$number"
    split --bytes=16000 --suffix-length=3 "$work/block" "$files/folder-$number/small-"
  done
  mkdir "$files/.hidden"
  for place in large-3.txt large-11.txt folder-7/small-aaf folder-120/small-abc .hidden/.env; do
    echo "ASTRAL_KEY=$secret" >>"$files/$place"
  done
  touch "$work/complete"
fi

# 1 is what scan ends with when it has found something.
run_scan() { "$scan" scan "$files" >"$work/scan" 2>/dev/null || [ $? = 1 ]; }
run_rg() { rg --no-config -uuu --text --only-matching --line-number --column --no-heading "$pattern" "$files" >"$work/rg"; }

# The time that a command takes, in milliseconds.
timed() {
  local start=${EPOCHREALTIME//[!0-9]/}
  "$1"
  awk -v took=$((${EPOCHREALTIME//[!0-9]/} - start)) 'BEGIN { printf "%.1f\n", took / 1000 }'
}

run_scan
run_rg
diff <(cut -d: -f1-3 "$work/scan") <(cut -d: -f1-3 "$work/rg" | sort) || { echo "they find different things" >&2; exit 1; }

: >"$work/scan.times"
: >"$work/rg.times"
for _ in $(seq "$rounds"); do
  timed run_rg >>"$work/rg.times"
  timed run_scan >>"$work/scan.times"
done

median() { sort -n "$1" | awk '{ times[NR] = $1 } END { print (times[int((NR + 1) / 2)] + times[int(NR / 2) + 1]) / 2 }'; }
echo "rg:   $(median "$work/rg.times") ms, of $(paste -sd' ' "$work/rg.times")  ($(rg --version | head -n 1))"
echo "scan: $(median "$work/scan.times") ms, of $(paste -sd' ' "$work/scan.times")"
awk -v scan="$(median "$work/scan.times")" -v rg="$(median "$work/rg.times")" 'BEGIN { printf "ratio of medians, scan to rg: %.2f\n", scan / rg }'
