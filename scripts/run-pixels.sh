#!/bin/sh
# CartPole-v1 as pictures by Dreamer v3 and by the dream critic, seeds 2500 to 2502, into runs/pixels/cartpole/ARM, and a
# strip of each in docs/films: reality above what the model sees, from step 20 on above what it dreams. The same command
# again goes on where it stopped. Options are handed on: scripts/run-pixels.sh --engine native
cd "$(dirname "$0")/.." || exit 2
. scripts/train.sh

folder=runs/pixels/cartpole
train "$folder" dreamer-v3 2500-2502 pixels/dreamer-v3-cartpole "$@"
train "$folder" dream-critic 2500-2502 pixels/dream-cartpole "$@"
for arm in dreamer-v3 dream-critic; do
  node bin/wm.js film "$folder/$arm" --strip 10 --steps 45 --dream-from 20 --dream-every 0 \
    --out docs/films/cartpole-pixels-$arm.png || failed=1
done
exit $failed
