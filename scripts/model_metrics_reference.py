"""Prints what test/model-metrics.test.ts expects of the small agent in test/fixtures/small-agent, computed in float64.

    python scripts/model_metrics_reference.py > test/fixtures/small-agent/expected.json

Its checkpoint is that of `wm train --config test/fixtures/small-agent/config.yaml` at the end, and nothing else of wm is
used: random streams, the environment, its held-out set, both policies and every metric of the model are written anew
here, from docs/metrics.md and docs/checkpoints.md. Needs numpy.
"""

import hashlib
import json
import math
import pathlib
import re

import numpy as np

from read_checkpoint import ACTIONS, SCALE, encode, mlp_shapes, model_shapes, unpack

FOLDER = pathlib.Path(__file__).parent.parent / "test/fixtures/small-agent"
CONFIG = (FOLDER / "config.yaml").read_text("utf8")
LATENT, HIDDEN, UNITS = 4, [8], 8
SEED, GAMMA, RETURN_LAMBDA = 6, 0.99, 0.95
HORIZON = int(re.search(r"^horizon: (\d+)$", CONFIG, re.M).group(1))
# More than are recorded for the model's metrics.
EPISODES, RECORDED = 22, 20


def load(path):
    """The arrays of a safetensors file."""
    raw = path.read_bytes()
    start = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:start])
    types = {"F64": "<f8", "F32": "<f4", "I32": "<i4", "U8": "u1"}
    return {
        name: np.frombuffer(raw[slice(*(start + x for x in e["data_offsets"]))], types[e["dtype"]]).reshape(e["shape"])
        for name, e in header.items()
        if name != "__metadata__"
    }


class Stream:
    """xoroshiro128+ with the constants 24, 16 and 37; its start is the SHA-256 of `seed/name`. Low 32 bits are used."""

    def __init__(self, seed, name):
        digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
        high0, low0, high1, low1 = (int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4))
        self.s = [high0 << 32 | low0, high1 << 32 | low1]

    def bits(self):
        rotate = lambda x, k: (x << k | x >> 64 - k) & (1 << 64) - 1
        a, b = self.s
        out = (a + b) & (1 << 32) - 1
        b ^= a
        self.s = [rotate(a, 24) ^ b ^ (b << 16 & (1 << 64) - 1), rotate(b, 37)]
        return out

    def uniform(self):
        high = self.bits() & (1 << 26) - 1
        return high * 2.0**-26 + (self.bits() & (1 << 27) - 1) * 2.0**-53

    def coin(self):
        return (self.bits() + (1 << 31)) % (1 << 32) % 2

    def gumbel(self, *shape):
        draw = lambda: -math.log(-math.log((math.floor(self.uniform() * 2.0**52) + 0.5) * 2.0**-52))
        return np.array([draw() for _ in range(math.prod(shape))]).reshape(shape)


class CartPole:
    """Gymnasium's CartPole-v1; an observation is the state in 32 bits."""

    def __init__(self, stream):
        self.state = [-0.05 + 0.1 * stream.uniform() for _ in range(4)]
        self.steps = 0

    def observe(self):
        return np.array(self.state, np.float32)

    def step(self, action):
        """Whether the episode terminates, and whether it is cut short."""
        x, x_dot, theta, theta_dot = self.state
        sin, cos = math.sin(theta), math.cos(theta)
        temp = ((10.0 if action == 1 else -10.0) + 0.05 * theta_dot**2 * sin) / 1.1
        theta_acc = (9.8 * sin - cos * temp) / (0.5 * (4.0 / 3.0 - 0.1 * cos**2 / 1.1))
        x_acc = temp - 0.05 * theta_acc * cos / 1.1
        self.state = [x + 0.02 * x_dot, x_dot + 0.02 * x_acc, theta + 0.02 * theta_dot, theta_dot + 0.02 * theta_acc]
        self.steps += 1
        terminated = abs(self.state[0]) > 2.4 or abs(self.state[2]) > 12 * 2 * math.pi / 360
        return terminated, self.steps == 500


def sequence(length):
    shapes = {"observation": (4,), "next": (4,), "action": (), "terminated": (), "first": ()}
    return {name: np.zeros((length, *shape)) for name, shape in shapes.items()}


def held_out_set():
    """32 controllers of 300 steps, from one that balances to one that acts at random."""
    stream = Stream(777, "held-out")
    sequences = []
    for i in range(32):
        steps, environment, first = sequence(300), CartPole(stream), True
        for t in range(300):
            observation = environment.observe()
            balance = np.dot(np.array([0.15, 0.3, 2, 0.6]), observation.astype(float)) > 0
            action = stream.coin() if stream.uniform() < i / 31 else int(balance)
            terminated, _ = environment.step(action)
            for name, value in zip(steps, (observation, environment.observe(), action, terminated, first)):
                steps[name][t] = value
            first = terminated
            if terminated:
                environment = CartPole(stream)
        sequences.append(steps)
    return sequences


def play(policy, stream, episodes):
    """Greedy episodes from the stream's starts, step by step."""
    played = []
    for environment in [CartPole(stream) for _ in range(episodes)]:
        steps, ended = [], False
        while not ended:
            observation = environment.observe()
            action = int(np.argmax(policy(observation)))
            terminated, truncated = environment.step(action)
            steps.append((observation, environment.observe(), action, terminated, not steps))
            ended = terminated or truncated
        played.append(dict(zip(sequence(0), map(np.array, zip(*steps)))))
    return played


def mlp(parameters, name, x, layers=len(HIDDEN) + 1):
    for i in range(layers):
        x = x @ parameters[f"{name}.{i}.weight"] + parameters[f"{name}.{i}.bias"]
        x = np.maximum(x, 0) if i < layers - 1 else x
    return x


sigmoid = lambda x: 1 / (1 + np.exp(-x))
one_hot = lambda action: np.eye(ACTIONS)[np.asarray(action, int)]


def dynamics(p, z, action, hidden, cell):
    """One step of the LSTM, gates in the order input, forget, candidate, output: z′, h′, c′."""
    x = np.concatenate([z, one_hot(action)], -1)
    gates = x @ p["dynamics.input.weight"] + p["dynamics.input.bias"]
    gates = gates + hidden @ p["dynamics.recurrent.weight"] + p["dynamics.recurrent.bias"]
    i, f, g, o = np.split(gates, 4, -1)
    cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
    hidden = sigmoid(o) * np.tanh(cell)
    return z + hidden @ p["dynamics.latent.weight"] + p["dynamics.latent.bias"], hidden, cell


def roll(p, steps):
    """The model teacher-forced over one sequence: ẑ′, the state before each step, (s dec(ẑ′) − o′)², (r̂ − 1)²."""
    mean = encode(p, steps["observation"], len(HIDDEN) + 1)[0]
    hidden = cell = np.zeros(UNITS)
    predicted, before = np.zeros_like(mean), []
    for t, first in enumerate(steps["first"]):
        if first:
            hidden = cell = np.zeros(UNITS)
        before.append((mean[t], hidden, cell))
        predicted[t], hidden, cell = dynamics(p, mean[t], steps["action"][t], hidden, cell)
    error = (SCALE * mlp(p, "decoder", predicted) - steps["next"]) ** 2
    reward_error = (reward(p, predicted) - 1) ** 2
    return {"predicted": predicted, "before": before, "error": error, "reward_error": reward_error}


def reward(p, z):
    return (z @ p["reward.weight"] + p["reward.bias"])[:, 0]


def open_loop(p, sequences, rolled, k):
    """Mean error k steps after the starts whose next 15 steps cross no episode start."""
    errors = []
    for steps, own in zip(sequences, rolled):
        for t in range(10, 300 - 15 + 1, 20):
            if steps["first"][t + 1 : t + 15].any():
                continue
            z, hidden, cell = own["before"][t]
            for i in range(k):
                z, hidden, cell = dynamics(p, z, steps["action"][t + i], hidden, cell)
            errors.append((SCALE * mlp(p, "decoder", z) - steps["next"][t + k - 1]) ** 2)
    return np.mean(errors)


def dream_return(p, actor, target, rolled, stream, bootstraps):
    """Mean over all starts of the return that the actor is trained on, in reward units."""
    starts = [own["before"][t] for own in rolled for t in range(10, 300 - 15 + 1, 20)]
    z, hidden, cell = (np.array(part) for part in zip(*starts))
    noise = stream.gumbel(len(starts), HORIZON, ACTIONS)
    rewards, continues, values = [], [], []
    for t in range(HORIZON):
        action = np.argmax(mlp(actor, "actor", z) + noise[:, t], -1)
        z, hidden, cell = dynamics(p, z, action, hidden, cell)
        rewards.append(reward(p, z))
        continues.append(sigmoid(mlp(p, "continue", z))[:, 0])
        # V̄ times 1 − γ, clipped to what rewards of 1 allow.
        values.append(np.clip(mlp(target, "critic", z)[:, 0], 0, 1) / (1 - GAMMA))
    mix = RETURN_LAMBDA if bootstraps else 1
    returns = values[-1] if bootstraps else 0
    for t in reversed(range(HORIZON)):
        ahead = (1 - mix) * values[t] + mix * returns
        returns = rewards[t] + GAMMA * continues[t] * ahead
    return returns.mean()


STATE = ["x", "x_dot", "theta", "theta_dot"]


def probe(p, sequences, penalty=1e-4):
    """R² of each number of the state on every other sequence, told by a ridge regression of μ on those between."""
    mean = [encode(p, steps["observation"], len(HIDDEN) + 1)[0] for steps in sequences]
    state = [steps["observation"] for steps in sequences]
    (x, scored_x), (y, scored_y) = ([np.concatenate(of[i::2]) for i in (0, 1)] for of in (mean, state))
    # The intercept, last, has no penalty.
    wide = lambda z: np.hstack([z, np.ones((len(z), 1))])
    ridge = penalty * len(x) * np.diag([*[1.0] * LATENT, 0.0])
    weights = np.linalg.solve(wide(x).T @ wide(x) + ridge, wide(x).T @ y)
    missed = ((scored_y - wide(scored_x) @ weights) ** 2).sum(0)
    r2 = 1 - missed / ((scored_y - scored_y.mean(0)) ** 2).sum(0)
    return {"probe_r2": r2.mean(), **{f"probe_r2_{name}": value for name, value in zip(STATE, r2)}}


def diagnose(agent, held_out, own, step, bootstraps=True):
    """The model's columns of metrics.csv."""
    p, actor, target = agent["model"], agent["actor"], agent["target"]
    rolled = [roll(p, steps) for steps in held_out]
    rolled_own = [roll(p, steps) for steps in own]
    of = lambda rolls, error: np.concatenate([each[error] for each in rolls])
    error, own_error = of(rolled, "error"), of(rolled_own, "error")
    variance = np.var(np.concatenate([steps["observation"] for steps in held_out]), 0)
    dream = dream_return(p, actor, target, rolled, Stream(SEED, f"diagnosis/{step}"), bootstraps)
    starts = np.array([steps["observation"][0] for steps in own])
    believed = mlp(p, "critic", encode(p, starts, len(HIDDEN) + 1)[0])[:, 0] / (1 - GAMMA)
    obtained = [sum(GAMMA**t for t in range(len(steps["action"]))) for steps in own]
    continues = sigmoid(mlp(p, "continue", np.concatenate([each["predicted"] for each in rolled]))[:, 0]) > 0.5
    ends = np.concatenate([steps["terminated"] for steps in held_out]) == 1
    return {
        "prediction_mse": error.mean(),
        "prediction_mse_standardised": (error / variance).mean(),
        "prediction_mse_own": own_error.mean(),
        "prediction_mse_own_standardised": (own_error / variance).mean(),
        "reward_mse": of(rolled, "reward_error").mean(),
        "reward_mse_own": of(rolled_own, "reward_error").mean(),
        **{f"open_loop_mse_{k}": open_loop(p, held_out, rolled, k) for k in (1, 5, 15)},
        "dream_return": dream,
        "value_bias": np.mean(believed - obtained),
        "continue_accuracy": (np.mean(~continues[ends]) + np.mean(continues[~ends])) / 2,
        **probe(p, held_out),
    }


def main():
    arrays = load(FOLDER / "weights.safetensors")
    critic = list(mlp_shapes("critic", LATENT, HIDDEN, 1))
    shapes = [*model_shapes(LATENT, HIDDEN, UNITS), *mlp_shapes("continue", LATENT, HIDDEN, 1), *critic]
    assert sum(math.prod(shape) for _, shape in shapes) == arrays["model"].size
    actor_shapes = list(mlp_shapes("actor", LATENT, HIDDEN, ACTIONS))
    wide = lambda flat, shapes: unpack(flat.astype(float), shapes)
    agent = {
        "model": wide(arrays["model"], shapes),
        "actor": wide(arrays["actor"], actor_shapes),
        "target": wide(arrays["critic.target"], critic),
    }
    average = {
        "model": wide(arrays["average.encoder"], list(mlp_shapes("encoder", SCALE.size, HIDDEN, 2 * LATENT))),
        "actor": wide(arrays["average.actor"], actor_shapes),
    }
    policy = lambda of: lambda x: mlp(of["actor"], "actor", encode(of["model"], x, len(HIDDEN) + 1)[0])
    held_out = held_out_set()

    def measure(stream, step):
        played = play(policy(average), Stream(SEED, stream), EPISODES)
        return played, diagnose(agent, held_out, played[:RECORDED], step)

    returns = lambda played: [len(steps["action"]) for steps in played]
    rows = {}
    for step in (2000, 6000):
        played, metrics = measure(f"evaluation/{step}", step)
        online = returns(play(policy(agent), Stream(SEED, f"evaluation/{step}"), EPISODES))
        own = returns(played)
        rows[step] = {
            "reward_mean": np.mean(own),
            "reward_std": np.std(own, ddof=1),
            "reward_min": min(own),
            "reward_max": max(own),
            "reward_mean_online": np.mean(online),
            "episodes": EPISODES,
            **metrics,
        }
    played, metrics = measure("eval", 0)
    unended = diagnose(agent, held_out, played[:RECORDED], 0, bootstraps=False)["dream_return"]
    expected = {
        "rows": rows,
        "eval": {"returns": returns(played), "diagnosis": metrics, "dream_return_without_bootstrap": unended},
    }
    print(json.dumps(expected, indent=2, default=float))


if __name__ == "__main__":
    main()
