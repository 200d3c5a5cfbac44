# A local cluster to put load on; source it after ../common.sh.
#
# Settings: model, workers, memory, folder (for sockets and logs). Sets coordinator and worker_pids (process ids) and clients (address).

# Whoever measures goes before those who compute, where that is allowed: a load that is late measures itself.
first=(env)
[ "$(id -u)" -ne 0 ] || first=(nice -n -5)

start_cluster() {
    local listen="ipc://$folder/experts" name experts lines
    clients="ipc://$folder/clients"
    lines=$("$medmoe" cluster plan --model "$model" --workers "$workers" --memory "$memory" --format lines)
    "$medmoe" coordinator --model "$model" --listen "$listen" --serve "$clients" --threads 1 --log-level warning &
    coordinator=$!
    pids+=("$coordinator")
    worker_pids=()
    while read -r name experts; do
        "$medmoe" worker --model "$model" --name "$name" --experts "$experts" --connect "$listen" --threads 1 --log-level warning &
        worker_pids+=($!)
        pids+=($!)
    done <<<"$lines"
    local try
    for try in $(seq 300); do
        kill -0 "$coordinator" 2>/dev/null || { echo "the coordinator ended: its message above says why" >&2 && exit 1; }
        "$medmoe" status --json --coordinator "$clients" 2>/dev/null | grep -q '"covered" *: *true' && return 0
        sleep 0.2
    done
    echo "workers did not cover the experts within a minute" >&2
    exit 1
}

finish() {
    trap - EXIT
    [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$folder"
}

# A number of a report: its first value under that key.
number_of() { sed -n "s/^ *\"$2\" : \\([0-9.eE+-]*\\),*\$/\\1/p" "$1" | head -1; }
