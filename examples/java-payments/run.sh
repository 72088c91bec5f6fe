#!/bin/sh
# Both forms of the service under the same faults: the correct one passes, the forgetful one is caught.
set -e
cd "$(dirname "$0")"
mvn -q -B package
GAUNTLET=${GAUNTLET:-"node ../../dist/gauntlet/cli.js"}
exec $GAUNTLET run payments.yaml forgetful.yaml "$@"
