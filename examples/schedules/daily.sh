#!/bin/sh
# Runs model.pkl of the folder that this script is in; predictions, report and log go to predictions/YYYY-MM-DD there.
# Exits as the model's run does, or with 75 if another run is not over yet.
set -eu
image=ghcr.io/numerai/numerai_predict_py_3_11:stable # Of the Python that wrote the pickle.

cd "$(dirname "$0")"
exec 9>lock
flock --nonblock 9 || {
    echo 'Another run is not over yet.' >&2
    exit 75
}
today=predictions/$(date -u +%F)
mkdir -p "$today"

predict() {
    # The model may use 4 GiB (--memory_limit); the rest is for the runtime, which has to outlive it.
    docker run --rm --cpus 1 --memory 5g --user "$(id -u):$(id -g)" --volume "$PWD:/numerai" "$image" \
        --model /numerai/model.pkl --output_dir "/numerai/$today" --report "/numerai/$today/report.json" --debug
}

{
    docker pull --quiet "$image" || echo 'The image could not be pulled; the one that is here will do.'
    # Status 3 is the network's fault, the disk's or the runtime's: worth another try. What is wrong with the model (1)
    # or the command (2) stays wrong.
    for pause in 60 300 0; do
        status=0
        predict || status=$?
        [ "$status" -eq 3 ] || break
        sleep "$pause"
    done
} >>"$today/log" 2>&1

# Cron mails what is printed.
[ "$status" -eq 0 ] || tail "$today/log" >&2
exit "$status"
