#!/bin/bash
# Ends what start.sh started, by the process ids that it left. Usage: stop.sh STATE_DIR
state=${1:?the folder of its state}
for file in "$state"/node{1,2}.pid; do
  # Takes all of the node along; the program that waits for it heeds no other signal.
  [ -s "$file" ] && kill -KILL "$(cat "$file")" 2>/dev/null
done
for file in "$state"/slurmctld.pid /run/munge/munged.pid; do
  [ -s "$file" ] && kill "$(cat "$file")" 2>/dev/null
done
[ -e "$state/slurm.conf.before" ] && cp "$state/slurm.conf.before" /etc/slurm/slurm.conf
true
