#!/bin/sh
# Learning offline on CartPole-v1 and Pendulum-v1: trains the mediocre policies that play for the data sets into
# data/policies, collects data/TASK, clones it and learns Dreamer 4 from it, seeds 2600 to 2604, into runs/offline/TASK/ARM. The same command again
# goes on where it stopped. WM_ENGINE chooses the engine of all; options are handed on to wm train.
cd "$(dirname "$0")/.." || exit 2
. scripts/train.sh

# collect TASK OPTION…: a data set that is there stays. Its manifest is published beside the runs.
collect() {
  task=$1
  shift
  [ -f "data/$task/data.json" ] || node bin/wm.js collect --out "data/$task" --steps 20000 --data-seed 2600 "$@" || exit $?
  mkdir -p "runs/offline/$task" && cp "data/$task/data.json" "runs/offline/$task/data.json" || exit $?
}

train data/policies/cartpole novice 2600 ppo --steps 2048 "$@"
train data/policies/cartpole learner 2600 ppo --steps 3072 "$@"
train data/policies/pendulum novice 2600 sac --steps 1500 "$@"
train data/policies/pendulum learner 2600 sac --steps 2500 "$@"
[ $failed = 0 ] || exit $failed
for task in cartpole pendulum; do
  collect $task --run data/policies/$task/novice --run data/policies/$task/learner \
    --mix random=0.4 novice/last=0.3 learner/last=0.3
  train runs/offline/$task behaviour-cloning 2600-2604 behaviour-cloning/$task "$@"
  train runs/offline/$task filtered-cloning 2600-2604 behaviour-cloning/filtered-$task "$@"
  train runs/offline/$task dreamer4 2600-2604 dreamer4/$task "$@"
done
exit $failed
