#!/bin/sh
# The four arms and PPO on the four tasks beyond CartPole-v1, seeds 2100 to 2104, into runs/TASK/ARM.
# The same command again goes on where it stopped. Options are handed on: scripts/run-tasks.sh --engine wasm
cd "$(dirname "$0")/.." || exit 2
. scripts/train.sh

for task in pendulum mountain-car-continuous acrobot mountain-car; do
  for arm in baseline bootstrap-only dream-critic shape-only; do
    train "runs/$task" "$arm" 2100-2104 "$task" --set "method=$arm" "$@"
  done
  train "runs/$task" ppo 2100-2104 "ppo-$task" "$@"
done
exit $failed
