#!/usr/bin/env bash
# Runs the long forms of what is tested briefly in every run of ./check, and writes docs/reliability.md from what comes
# of them: all, or those that are named, as in `tests/reliability.sh kills load`. What is not run keeps its last result,
# which lies under target/reliability and, as the page itself, in the repository. One hour and a half for all of them.
set -euo pipefail
cd "$(dirname "$0")/.."

page=docs/reliability.md
results=target/reliability
mkdir -p "$results"

# What is run: a name, the promise, the tests that hold it, how it is run, what of its output tells what came of it, and
# what sums that up. `suite VARIABLE=N FILTER...` runs the tests with these names, `-` for no variable.
names=()
declare -A promise tests how tells sums
row() { names+=("$1"); promise[$1]=$2; tests[$1]=$3; how[$1]=$4; tells[$1]=${5:-^test result: }; sums[$1]=${6:-cat}; }

row kills "What was answered survives \`kill -9\` at any moment; what was not is there as a whole or not at all; indexes, chain and revocations agree" \
  'kills' 'suite ASTRAL_KILLS=1000 kills::' ' kills, '
row faults "Whichever read, write or sync fails: no false success, nothing lost, and the server works again by itself" \
  'faults' 'in_memory suite ASTRAL_FAULTS=1 faults::' ' failed in turn'
row load "A revocation, rotation or narrowing holds from its answer on, for every call under load" \
  'load' 'suite ASTRAL_CALLS=1000000 load::' ' calls in all'
row backups "A backup under load is whole; a restore gives no power back; a full disk refuses what is not urgent" \
  'backup' 'suite - backup::'
row durability "A write is answered only once it is on disk; one that is refused harms none of its batch" \
  'durability' 'suite - durability::'
row formats "A database of every earlier format opens; a newer one is refused" \
  'formats' 'suite - formats::'
row sequences "Who may do what, what exists and what each sees is what a simple model of the rules says" \
  'model' 'in_memory suite ASTRAL_SEQUENCES=10000 model::' 'without a difference'
row answers "No answer's time tells whether an email, a key, an organization or an invitation exists" \
  'equal_work' 'suite ASTRAL_ANSWERS=10000 equal_work::answers_in_time' '^answers: ' pairs
row fuzz "No input makes a parser or the service do what it must not" \
  'fuzzing' "tests/fuzz.sh ${ASTRAL_FUZZ_SECONDS:-60}" '^fuzz: ' targets
row crowd "Connections that send nothing keep nobody out" \
  'crowd' 'suite ASTRAL_CROWD=10000 crowd::' '^crowd: '
row connections "Slow and silent clients are closed, heads and bodies bounded" \
  'connections' 'suite - connections::'
row tls "TLS 1.2 and 1.3 with real clients; a renewed certificate is taken up, a broken one is not" \
  'tls' 'suite - tls::'
row clocks "Expiry, sessions and ids keep their promises when the clock jumps, or the server says why it stops" \
  'clocks' 'suite - clocks:: time::'
row health "Ready only while a small write reaches the disk; live all the same" \
  'health' 'suite - health::'
row recipes "Each recipe for a locked-out head coach works as it is written in docs/operations.md" \
  'recipes' 'suite - recipes::'
row audit "The chains prove that nothing was changed or taken out" \
  'audit' 'suite - audit::'
row process "No core dumps, private files, a sandboxed unit" \
  'process' 'suite - process:: unit::'

# Runs tests of the suite, with a variable that makes them long, or `-`.
suite() {
  local variable=$1; shift
  if [ "$variable" = - ]; then variable=ASTRAL_LONG=; fi
  env "$variable" cargo test --release --package astral-tests --test it -- --include-ignored --nocapture "$@"
}

# Sums up the lines of pairs of answers, and of targets that were fuzzed. A line that says something else stays.
pairs() {
  awk 'match($0, /, ([0-9]+) each, AUC ([0-9.]+), medians ([0-9.]+)$/) {
      split(substr($0, RSTART + 2), word, /[ ,]+/); each = word[1]; auc = word[4]; median = word[6]; pairs++
      if (pairs == 1 || auc < least) least = auc
      if (pairs == 1 || auc > most) most = auc
      if (pairs == 1 || median < low) low = median
      if (pairs == 1 || median > high) high = median
      next
    }
    { print }
    END {
      if (pairs) printf "%d pairs of %s answers each: area under the curve %s to %s (0.5: told apart by chance), ratios of medians %s to %s\n",
        pairs, each, least, most, low, high
    }'
}
targets() {
  awk '/, no failure$/ { sub(/^fuzz: /, ""); split($0, word, /[ ,]+/); targets++; runs += word[2]; next }
    { print }
    END { if (targets) printf "%d targets, %d runs, no failure\n", targets, runs }'
}

# Runs with the tests' folders in memory, where there is such a disk: a sync that cannot fail by itself costs nothing there.
in_memory() {
  if [ -d /dev/shm ]; then TMPDIR=/dev/shm "$@"; else "$@"; fi
}

run() {
  local name=$1 log=$results/$1.log begun=$SECONDS status=0
  printf '\n== %s: %s\n' "$name" "${how[$name]}"
  # shellcheck disable=SC2086 # the words of a command
  ${how[$name]} 2>&1 | tee "$log" || status=$?
  local told
  told=$(grep -E -- "${tells[$name]}" "$log" | sed -E 's/^test result: (ok|FAILED)\. //; s/; [0-9]+ ignored.*//; s/\|/ /g' |
    "${sums[$name]}" | paste -sd ';' | sed 's/; */; /g')
  if [ "$status" != 0 ] || [ -z "$told" ]; then told="**failed**${told:+: $told}"; fi
  printf '%s, in %d s' "$told" $((SECONDS - begun)) >"$results/$name"
  return "$status"
}

# The last result: of this folder, or what the page says.
last() {
  if [ -e "$results/$1" ]; then cat "$results/$1"
  elif [ -e "$page" ]; then sed -n "s/^| $1 | .* | \(.*\) |\$/\1/p" "$page" | head -n 1; fi
}

failed=()
if [ $# = 0 ]; then set -- "${names[@]}"; fi
for name in "$@"; do
  [ -n "${how[$name]:-}" ] || { echo "there is no $name; there are: ${names[*]}" >&2; exit 2; }
done
for name in "$@"; do run "$name" || failed+=("$name"); done

{
  cat <<'TEXT'
# Reliability

What Astral promises, the test that holds it, and what came of its long form the last time that it was run.
`tests/reliability.sh` (`just reliability`) runs the long forms and writes this page; a name in the first column runs that
one alone. The short forms are part of `./check`.

| name | promise | tests in `tests/it` | long form | last result |
|---|---|---|---|---|
TEXT
  for name in "${names[@]}"; do
    result=$(last "$name")
    command=${how[$name]//suite - /}; command=${command//suite /}; command=${command//in_memory /}
    printf '| %s | %s | `%s` | `%s` | %s |\n' "$name" "${promise[$name]}" "${tests[$name]}" "$command" "${result:-not run yet}"
  done
  processor=$(sed -n 's/^model name\t*: //p' /proc/cpuinfo | head -n 1)
  printf '\nLast run on %s, %s cores. Times are said to know how long to wait; nothing is held to them.\n' "$processor" "$(nproc)"
} >"$page.new"
mv "$page.new" "$page"
echo
if [ ${#failed[@]} -gt 0 ]; then echo "failed: ${failed[*]}"; exit 1; fi
echo "all of $# passed"
