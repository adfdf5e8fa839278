"""Opens a checkpoint of `wm train` in Python and computes what its encoder makes of observations.

    python scripts/read_checkpoint.py runs/NAME/seed-0/checkpoint.safetensors
    echo '[[0.1, 0, 0.02, 0]]' | python scripts/read_checkpoint.py CHECKPOINT --encode

The first form prints every array with its type and shape, and where each layer stands in the flat vector `model`. The
second reads observations in raw units, [n, 4], as JSON and prints their posterior: {"mean": …, "log_variance": …}, both
[n, latent]. It needs numpy and safetensors, nothing of wm; docs/checkpoints.md defines every array.
"""

import argparse
import json
import pathlib
import re
import sys

import numpy as np

# CartPole-v1: observations are divided by these before the encoder sees them; a pole's push is left or right.
SCALE = np.array([1.0, 1.0, 0.1, 1.0], np.float32)
ACTIONS = 2


def settings(config):
    """The three sizes that fix the layout, from the run's config.yaml as wm writes it (every key on a line)."""
    method = re.search(r"^method: (.+)$", config, re.M)
    if method is None or method.group(1) != "vae-lstm":
        sys.exit(f"the run is of method {method and method.group(1)}; this script knows the layers of vae-lstm alone")
    block = re.search(r"^model:\n((?: +.*\n)+)", config, re.M).group(1)
    value = lambda key: re.search(rf"^ +{key}: (.+)$", block, re.M).group(1)
    return int(value("latent")), json.loads(value("hidden")), int(value("lstm"))


def mlp_shapes(name, inputs, hidden, outputs):
    """Layers name.0, name.1, …: weight [inputs, outputs], then bias [outputs]."""
    widths = [inputs, *hidden, outputs]
    for i, (before, after) in enumerate(zip(widths, widths[1:])):
        yield f"{name}.{i}.weight", (before, after)
        yield f"{name}.{i}.bias", (after,)


def model_shapes(latent, hidden, lstm):
    """What stands in `model`, in order, up to the heads whose presence depends on the arm."""
    yield from mlp_shapes("encoder", SCALE.size, hidden, 2 * latent)
    yield from mlp_shapes("decoder", latent, hidden, SCALE.size)
    yield "dynamics.input.weight", (latent + ACTIONS, 4 * lstm)
    yield "dynamics.input.bias", (4 * lstm,)
    yield "dynamics.recurrent.weight", (lstm, 4 * lstm)
    yield "dynamics.recurrent.bias", (4 * lstm,)
    yield "dynamics.latent.weight", (lstm, latent)
    yield "dynamics.latent.bias", (latent,)
    yield "reward.weight", (latent, 1)
    yield "reward.bias", (1,)


def unpack(flat, shapes):
    """The named parameters of a flat vector: one after the other, each row-major."""
    parameters, start = {}, 0
    for name, shape in shapes:
        size = int(np.prod(shape))
        parameters[name] = flat[start : start + size].reshape(shape)
        start += size
    return parameters


def encode(parameters, observation, layers):
    """q(z | o) = N(mean, exp(log_variance)): an MLP with ReLU on o / SCALE, the log-variance clipped to [-8, 4]."""
    x = observation / SCALE
    for i in range(layers):
        x = x @ parameters[f"encoder.{i}.weight"] + parameters[f"encoder.{i}.bias"]
        if i < layers - 1:
            x = np.maximum(x, 0)
    mean, log_variance = np.split(x, 2, axis=-1)
    return mean, np.clip(log_variance, -8, 4)


def main():
    # Not at the top, so that other scripts can use the layout with numpy alone.
    try:
        from safetensors.numpy import load_file
    except ModuleNotFoundError as error:
        sys.exit(f"{error}; pip install safetensors numpy")

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=pathlib.Path)
    parser.add_argument("--config", type=pathlib.Path, help="default: config.yaml of the run that the seed is in")
    parser.add_argument("--encode", action="store_true", help="encode the observations on standard input")
    arguments = parser.parse_args()
    config = arguments.config or arguments.checkpoint.resolve().parent.parent / "config.yaml"
    for file in (arguments.checkpoint, config):
        if not file.is_file():
            sys.exit(f"{file} does not exist; give a run's seed-N/checkpoint.safetensors, and --config where it is elsewhere")
    latent, hidden, lstm = settings(config.read_text("utf8"))
    arrays = load_file(arguments.checkpoint)
    shapes = list(model_shapes(latent, hidden, lstm))
    parameters = unpack(arrays["model"], shapes)
    if arguments.encode:
        observation = np.array(json.load(sys.stdin), np.float32)
        mean, log_variance = encode(parameters, observation, len(hidden) + 1)
        print(json.dumps({"mean": mean.tolist(), "log_variance": log_variance.tolist()}))
        return
    for name, array in sorted(arrays.items()):
        print(f"{name:26} {array.dtype!s:8} {list(array.shape)}")
    print("\nin model:")
    start = 0
    for name, shape in shapes:
        print(f"  {name:26} {list(shape)!s:12} from {start}")
        start += int(np.prod(shape))


if __name__ == "__main__":
    main()
