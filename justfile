# Short names. What CI runs is `just check`.

# Everything: formats, lints, tests
check:
    ./check

# Write openapi/openapi.json from the code
openapi:
    cargo run --release --quiet -- openapi > target/openapi.json
    mv target/openapi.json openapi/openapi.json

# Write tests/it/authority.md from what the server does
authority:
    ASTRAL_WRITE=1 cargo test --release -p astral-tests --test it authority::

# Write the table in openapi/README.md from what comes of the generated clients
clients:
    ASTRAL_WRITE=1 cargo test --release -p astral-tests --test it clients::

# Schemathesis with every kind of credential, longer than in the tests: just schemathesis 500 42
schemathesis examples="200" seed="1":
    ASTRAL_EXAMPLES={{examples}} ASTRAL_SEED={{seed}} cargo test --release -p astral-tests --test it schemathesis::

# Make docs/screenshots: the console in a window, on the demo club; names of scenes make those alone. Names in other
# scripts are written in the fonts of the system: fonts-wqy-microhei has what is in the pictures
screenshots *scenes:
    cargo build --release --workspace
    xvfb-run -a -s "-screen 0 1920x1440x24" env LIBGL_ALWAYS_SOFTWARE=1 target/release/screenshots {{scenes}}

# Measure the console, and write what comes of it into docs/performance.md
console-benchmark:
    cargo build --release --workspace
    target/release/console-benchmark

# Revoke, rotate and narrow keys while 64 clients use them, for so many calls
load-test calls="1000000":
    ASTRAL_CALLS={{calls}} cargo test --release -p astral-tests --test it load:: -- --nocapture

# Kill the server so many times under writes of all kinds: nothing answered may be lost
kill-test kills="1000":
    ASTRAL_KILLS={{kills}} cargo test --release -p astral-tests --test it kills:: -- --nocapture

# Let each request of the disk fail in turn, and not only some of them
fault-test:
    ASTRAL_FAULTS=1 cargo test --release -p astral-tests --test it faults::

# Random sequences of actions by random callers against the model of the rules; another seed each time, which is printed
sequences count="10000":
    ASTRAL_SEQUENCES={{count}} cargo test --release -p astral-tests --test it model:: -- --nocapture

# Tell by the time whether an email, a key, a club or an invitation exists, from so many answers of each kind: it must fail.
# The figures are printed
answers-in-time count="10000":
    ASTRAL_ANSWERS={{count}} cargo test --release -p astral-tests --test it equal_work::answers_in_time -- --nocapture

# What so many connections that send nothing cost the others; prints one line. Needs as many open files: ulimit -Hn
crowd-test connections="10000":
    ASTRAL_CROWD={{connections}} cargo test --release -p astral-tests --test it crowd:: -- --nocapture --test-threads 1

# Fuzz each target for so many seconds with cargo-fuzz, on nightly; some alone: just fuzz 600 cursor requests
fuzz seconds="60" *targets:
    tests/fuzz.sh {{seconds}} {{targets}}

# Measure the server as it is shipped, and write what comes of it into docs/performance.md; fails where a hot function
# takes other than the accepted number of instructions. Needs wrk, valgrind, perf, 60 GB for the data that it makes the
# first time (under target/, or where ASTRAL_BENCHMARK says), which takes a quarter of an hour, and then three quarters
measure: instruction-counter
    cargo build --profile dist -p astral-server -p astral-benchmark
    target/dist/server-benchmark

# Accept how many instructions the hot functions take now: benchmark/instructions.txt
accept-instructions: instruction-counter
    cargo build --release -p astral-benchmark
    ASTRAL_WRITE=1 target/release/server-benchmark instructions

# Ask RustSec's database whether anything is known against a dependency; ./check holds them to the rest of deny.toml
advisories:
    tests/dependencies.sh advisories

# What runs the hot functions in valgrind; of the version that the benchmark is built with
instruction-counter:
    cargo install --quiet --locked --root target/tools gungraun-runner --version $(cargo tree -p gungraun --depth 0 --prefix none | sed 's/.* v//')

# How long `astral-server scan` takes beside ripgrep, on 300 MB of text under target/
scan-benchmark rounds="5":
    cargo build --release
    tests/scan_benchmark.sh target/release/astral-server {{rounds}}

# The long forms of what is tested briefly, and docs/reliability.md from what comes of them; names run those alone. One hour and a half
reliability *names:
    tests/reliability.sh {{names}}
