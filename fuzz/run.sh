#!/usr/bin/env bash
# Runs the fuzz targets with libFuzzer, one after the other. Needs Rust (stable will do) and a C++
# compiler, which builds libFuzzer itself; no nightly toolchain and no cargo-fuzz.
#
#   fuzz/run.sh                 every target for 60 seconds
#   fuzz/run.sh 600             every target for 10 minutes
#   fuzz/run.sh 60 sql http     these targets
#   fuzz/run.sh 0               builds them and reads the seeds once
#   FUZZ_SEED=1 fuzz/run.sh     begins with the same chance each time
#   FUZZ_JOBS=2 fuzz/run.sh     two at a time, each with its output in fuzz/artifacts/TARGET/log
#
# What is found is left in fuzz/artifacts/TARGET; run it again with
#   fuzz/run.sh 0 TARGET fuzz/artifacts/TARGET/crash-...
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
seconds=${1:-60}
shift || true
all=(codec_v4 codec_v5 session filters policy sql shadow http connection)
targets=()
inputs=()
# A target is one even where a folder has its name, as `policy` in the repository's own.
for argument in "$@"; do
    case " ${all[*]} " in
    *" $argument "*) targets+=("$argument") ;;
    *) inputs+=("$(realpath -e "$argument")") ;;
    esac
done
[ ${#targets[@]} = 0 ] && targets=("${all[@]}")

# The coverage that libFuzzer steers by is a pass of LLVM that stable rustc runs as well. With
# --target the flags do not reach build scripts. `unsafe` is forbidden in the project, so there is
# nothing for a sanitizer to find in it; sums and indices are checked.
host=$(rustc -vV | sed -n 's/^host: //p')
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module \
 -Cllvm-args=-sanitizer-coverage-level=4 \
 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
 -Cllvm-args=-sanitizer-coverage-pc-table \
 -Cllvm-args=-sanitizer-coverage-trace-compares"
builds=()
for target in "${targets[@]}"; do builds+=(--bin "$target"); done
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$here/target}"
cargo build --manifest-path "$here/Cargo.toml" --release --target "$host" "${builds[@]}"
binaries="$CARGO_TARGET_DIR/$host/release"

# As in any program of Rust; here main is libFuzzer's.
trap '' PIPE
cd "$here"

# Fuzzes one target, or runs inputs on it.
fuzz() {
    local target=$1
    mkdir -p "corpus/$target" "artifacts/$target"
    # Large enough for what the target reads, small enough to be quick.
    local options=(-artifact_prefix="artifacts/$target/" -timeout=10 -rss_limit_mb=2048
        -max_len=4096 -print_final_stats=1 -use_value_profile=1)
    [ -n "${FUZZ_SEED:-}" ] && options+=(-seed="$FUZZ_SEED")
    [ -f "dictionaries/$target.txt" ] && options+=(-dict="dictionaries/$target.txt")
    if [ ${#inputs[@]} != 0 ]; then
        "$binaries/$target" "${options[@]}" "${inputs[@]}"
        return
    fi
    if [ "$seconds" = 0 ]; then options+=(-runs=0); else options+=(-max_total_time="$seconds"); fi
    # The seeds are read; what is new goes to the corpus, which is not kept in the repository.
    local seeds=()
    [ -d "seeds/$target" ] && seeds=("seeds/$target")
    "$binaries/$target" "${options[@]}" "corpus/$target" "${seeds[@]}"
}

# The same with the output in a file: what it found, or how much it did.
fuzz_to_log() {
    local target=$1 log="artifacts/$1/log"
    mkdir -p "artifacts/$target"
    if fuzz "$target" >"$log" 2>&1; then
        grep -E '^(stat::number_of_executed_units|stat::peak_rss_mb|#[0-9]+[[:space:]]+DONE)' "$log" |
            sed "s/^/$target: /"
    else
        tail -n 60 "$log" | sed "s/^/$target: /"
        return 1
    fi
}

jobs=${FUZZ_JOBS:-1}
if [ "$jobs" = 1 ]; then
    for target in "${targets[@]}"; do
        echo "== $target for $seconds s"
        fuzz "$target"
    done
    exit
fi
echo "== ${targets[*]} for $seconds s each, $jobs at a time"
failed=0
for target in "${targets[@]}"; do
    while [ "$(jobs -pr | wc -l)" -ge "$jobs" ]; do wait -n || failed=1; done
    fuzz_to_log "$target" &
done
while [ "$(jobs -p | wc -l)" -gt 0 ]; do
    wait -n || failed=1
    jobs >/dev/null
done
exit "$failed"
