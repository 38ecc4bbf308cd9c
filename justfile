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

# Schemathesis for longer: more requests of each operation, from another seed each day
schemathesis examples="100":
    ASTRAL_EXAMPLES={{examples}} ASTRAL_SEED=$(date +%Y%m%d) cargo test --release -p astral-tests --test it schemathesis:: -- --test-threads 2
