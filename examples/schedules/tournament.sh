#!/bin/sh
# Runs a morning of the tournament in the folder that this script is in, with what is installed in venv/ there; the log
# goes to tournament.log. Exits as the command does, or with 75 if another start is not over yet.
set -eu
cd "$(dirname "$0")"

# Each a file that nobody but you can read (chmod 600).
export NUMERAI_PUBLIC_ID_FILE="$PWD/keys/public_id" NUMERAI_SECRET_KEY_FILE="$PWD/keys/secret_key"

exec 9>lock
flock --nonblock 9 || {
    echo 'Another start is not over yet.' >&2
    exit 75
}

# Status 3 is the platform's fault, the network's or this machine's: another start goes on where this one was. What is
# wrong with a model (1), the settings or the keys (2) stays wrong.
for pause in 300 300 0; do
    status=0
    venv/bin/numerai-predict tournament run --submit || status=$?
    [ "$status" -eq 3 ] || break
    sleep "$pause"
done >tournament.log 2>&1

# Cron mails what is printed.
[ "$status" -eq 0 ] || tail tournament.log >&2
exit "$status"
