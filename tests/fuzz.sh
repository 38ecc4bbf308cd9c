#!/usr/bin/env bash
# Fuzzes each target for so many seconds, or those that are named: tests/fuzz.sh SECONDS [TARGET...]
# Needs a nightly compiler. What a target learns stays in target/fuzz/TARGET, and is where the next run begins.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:?'for how many seconds? tests/fuzz.sh SECONDS [TARGET...]'}
shift
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  for program in fuzz/fuzz_targets/*.rs; do targets+=("$(basename "$program" .rs)"); done
fi
[ -x target/tools/bin/cargo-fuzz ] || cargo install --quiet --locked --root target/tools cargo-fuzz
export PATH="$PWD/target/tools/bin:$PATH" CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target/fuzz/build}

# Without a sanitizer: nothing of ours is unsafe, and it would be half as quick.
fuzz=(cargo +nightly fuzz run --sanitizer none)
status=0
for target in "${targets[@]}"; do
  kept=$PWD/target/fuzz/$target
  mkdir -p "$kept/corpus" "$kept/failures"
  if "${fuzz[@]}" "$target" "$kept/corpus" "tests/corpus/$target" -- -max_total_time="$seconds" -timeout=60 \
    -print_final_stats=1 -artifact_prefix="$kept/failures/" >"$kept/log" 2>&1; then
    runs=$(awk '$1 == "stat::number_of_executed_units:" { print $2 }' "$kept/log")
    echo "fuzz: $target, $runs runs, no failure"
  else
    status=1
    input=$(sed -n 's/^.*Test unit written to //p' "$kept/log" | tail -n 1)
    echo "fuzz: $target has failed; its output is in $kept/log"
    grep -m 3 -A 2 -E '^thread|^error|panicked at' "$kept/log" || true
    if [ -n "$input" ]; then
      echo "  again:    CARGO_TARGET_DIR=$CARGO_TARGET_DIR ${fuzz[*]} $target $input"
      echo "  smaller:  CARGO_TARGET_DIR=$CARGO_TARGET_DIR cargo +nightly fuzz tmin --sanitizer none $target $input"
      echo "  to keep:  cp $input tests/corpus/$target/what_it_is_about"
    fi
  fi
done
exit "$status"
