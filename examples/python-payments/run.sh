#!/bin/sh
# Both forms of the service under the same fault: the correct one passes, the other is caught.
set -e
cd "$(dirname "$0")"
if ! "${PYTHON:-python3}" -c 'import confluent_kafka' 2> /dev/null; then
  [ -d .venv ] || python3 -m venv .venv
  .venv/bin/pip install --quiet --requirement requirements.txt
  PYTHON=$PWD/.venv/bin/python
  export PYTHON
fi
GAUNTLET=${GAUNTLET:-"node ../../dist/gauntlet/cli.js"}
exec $GAUNTLET run payments.yaml uncommitted.yaml "$@"
