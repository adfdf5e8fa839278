#!/bin/sh
# What each planner plays in a VAE + LSTM, in Dreamer v3 and in TD-MPC2, and the policies without one: two seeds each on
# CartPole-v1 and Pendulum-v1, 20 episodes, into runs/planners/TASK/MODEL, and all of it in runs/planners/planners.csv.
# The same command again goes on where it stopped. Options are handed on to training: scripts/run-planners.sh --engine wasm
cd "$(dirname "$0")/.." || exit 2
. scripts/train.sh
table=runs/planners/planners.csv

# on TASK MODEL CONFIG OPTION…
on() {
  task=$1 model=$2 config=$3
  shift 3
  train "runs/planners/$task" "$model" 2310-2311 "$config" "$@"
  for planner in none shooting cem icem mppi enumeration; do
    # icem is for numbers in a box, enumeration for choices.
    case $task-$planner in cartpole-icem | pendulum-enumeration) continue ;; esac
    how="--planner $planner"
    [ $planner = none ] && how=
    # shellcheck disable=SC2086 # two options
    node bin/wm.js eval "runs/planners/$task/$model" --episodes 20 $how --json |
      node scripts/planner-row.js "$task" "$model" $planner >> $table || exit 2
  done
}

mkdir -p runs/planners
echo task,model,planner,reward_mean,milliseconds_per_action > $table
on pendulum vae-lstm pendulum "$@"
on pendulum dreamer-v3 dreamer/v3-pendulum "$@"
on pendulum tdmpc-v2 tdmpc/v2-pendulum "$@"
on cartpole vae-lstm dream --steps 16000 "$@"
on cartpole dreamer-v3 dreamer/v3 "$@"
on cartpole tdmpc-v2 tdmpc/v2 "$@"
# A planner without a value at the end of its plans by default, with one.
node bin/wm.js eval runs/planners/pendulum/vae-lstm --episodes 20 --planner cem --set planner.terminalValue=true \
  --out runs/planners/with-value || exit 2
exit $failed
