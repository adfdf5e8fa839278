# Sourced by the scripts that train many runs: . scripts/train.sh
failed=0
# train RUNS NAME SEEDS CONFIG OPTION…: a run that fails leaves the others their turn, anything else ends it all.
train() {
  runs=$1 name=$2 seeds=$3 config=$4
  shift 4
  node bin/wm.js train --config "configs/$config.yaml" --runs "$runs" --name "$name" --seeds "$seeds" "$@"
  code=$?
  case $code in
    0) ;;
    1) failed=1 ;;
    *) exit $code ;;
  esac
}
