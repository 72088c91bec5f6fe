#!/bin/sh
# Both forms of the service under the same fault: the correct one passes, the careless one is caught.
set -e
cd "$(dirname "$0")"
[ -d ../../node_modules/kafkajs ] || [ -d node_modules/kafkajs ] || npm install --no-audit --no-fund
GAUNTLET=${GAUNTLET:-"node ../../dist/gauntlet/cli.js"}
exec $GAUNTLET run payments.yaml careless.yaml "$@"
