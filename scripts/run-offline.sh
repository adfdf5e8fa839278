#!/bin/sh
# Learning offline on CartPole-v1, Pendulum-v1 and MinAtar's Breakout: trains the mediocre policies that play for the data
# sets into data/policies, collects data/TASK, clones it and learns Dreamer 4 from it, seeds 2600 to 2604, into
# runs/offline/TASK/ARM, and puts a strip of Breakout into docs/films: what was played above what the model dreams of it.
# The same command again goes on where it stopped. WM_ENGINE chooses the engine of all; options are handed on to wm train.
cd "$(dirname "$0")/.." || exit 2
. scripts/train.sh

# collect TASK STEPS RANDOM OTHER: the shares of steps that are random and that each policy plays. A data set that is there
# stays. Its manifest is published beside the runs.
collect() {
  task=$1 steps=$2 random=$3 other=$4
  [ -f "data/$task/data.json" ] ||
    node bin/wm.js collect --run "data/policies/$task/novice" --run "data/policies/$task/learner" \
      --mix "random=$random" "novice/last=$other" "learner/last=$other" --steps "$steps" --data-seed 2600 --out "data/$task" ||
    exit $?
  mkdir -p "runs/offline/$task" && cp "data/$task/data.json" "runs/offline/$task/data.json" || exit $?
}

train data/policies/cartpole novice 2600 ppo --steps 2048 "$@"
train data/policies/cartpole learner 2600 ppo --steps 3072 "$@"
train data/policies/pendulum novice 2600 sac --steps 1500 "$@"
train data/policies/pendulum learner 2600 sac --steps 2500 "$@"
for policy in novice:51200 learner:202752; do
  train data/policies/breakout ${policy%:*} 2600 minatar/ppo-breakout --steps ${policy#*:} --set evaluation.every=${policy#*:} "$@"
done
[ $failed = 0 ] || exit $failed
collect cartpole 20000 0.4 0.3
collect pendulum 20000 0.4 0.3
collect breakout 30000 0.2 0.4
for task in cartpole pendulum breakout; do
  train runs/offline/$task behaviour-cloning 2600-2604 behaviour-cloning/$task "$@"
  train runs/offline/$task filtered-cloning 2600-2604 behaviour-cloning/filtered-$task "$@"
  train runs/offline/$task dreamer4 2600-2604 dreamer4/$task "$@"
done
node bin/wm.js film runs/offline/breakout/dreamer4 --strip 12 --steps 12 --dream-from 5 --out docs/films/breakout-dreamer4.png || failed=1
exit $failed
