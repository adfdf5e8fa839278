"""Writes test/fixtures/yardsticks.json.gz: updates of SAC and DQN by PyTorch's autograd and optimizers, in float64.

Needs torch; run it as: python scripts/yardsticks_reference.py

Two updates in a row of two members, each by itself, with its own hyper-parameters. Weights stand in one vector, layer by
layer, weight then bias; those of SAC's critics have a leading axis of heads in each of these.
"""

import gzip
import json
import math
import pathlib

import torch
from torch.nn.functional import smooth_l1_loss

torch.set_default_dtype(torch.float64)

MEMBERS, BATCH, OBSERVATION, HIDDEN = 2, 5, 3, 4
UPDATES = 2


def wave(shape, frequency, phase, scale=1.0):
    count = math.prod(shape)
    return (scale * torch.sin(frequency * torch.arange(count) + phase)).reshape(shape)


def layers(inputs, outputs):
    return [(inputs, HIDDEN), (HIDDEN,), (HIDDEN, outputs), (outputs,)]


def cut(flat, shapes):
    pieces, at = [], 0
    for shape in shapes:
        count = math.prod(shape)
        pieces.append(flat[at : at + count].reshape(shape))
        at += count
    assert at == len(flat)
    return pieces


def size(shapes):
    return sum(math.prod(shape) for shape in shapes)


def network(pieces, x):
    w0, b0, w1, b1 = pieces
    return torch.relu(x @ w0 + b0) @ w1 + b1


def transitions(member, update):
    """Of one member; more or less as large as what environments give."""
    phase = member + 10.0 * update
    return {
        "observation": wave((BATCH, OBSERVATION), 1.3, phase),
        "nextObservation": wave((BATCH, OBSERVATION), 1.7, phase + 1),
        "reward": wave((BATCH,), 2.1, phase, 3.0),
        "terminated": torch.tensor([float((i + member + update) % 4 == 0) for i in range(BATCH)]),
    }


def rounded(x):
    if isinstance(x, torch.Tensor):
        x = x.detach().tolist()
    if isinstance(x, list):
        return [rounded(y) for y in x]
    if isinstance(x, dict):
        return {key: rounded(y) for key, y in x.items()}
    return float(f"{x:.8g}") if isinstance(x, float) else x


# SAC -----------------------------------------------------------------------------------------------------------------

DIMENSIONS, HEADS = 2, 2
ACTOR = layers(OBSERVATION, 2 * DIMENSIONS)
CRITIC = [(HEADS, *shape) for shape in layers(OBSERVATION + DIMENSIONS, 1)]


def critics(flat, observation, action):
    x = torch.cat([observation, action], -1)
    pieces = cut(flat, CRITIC)
    return torch.stack([network([piece[head] for piece in pieces], x)[:, 0] for head in range(HEADS)])


def act(flat, observation, noise):
    """A sample and its log-density, by torch's own distributions."""
    mean, log_std = network(cut(flat, ACTOR), observation).chunk(2, -1)
    normal = torch.distributions.Normal(mean, log_std.clamp(-20, 2).exp())
    squashed = torch.distributions.TransformedDistribution(
        normal, [torch.distributions.TanhTransform(cache_size=1)]
    )
    action = torch.tanh(mean + normal.stddev * noise)
    unsquashed = torch.atanh(action)
    assert torch.allclose(unsquashed, mean + normal.stddev * noise, atol=1e-6)
    # By the density of u rather than of atanh(tanh(u)), which loses digits where tanh is near 1.
    u = mean + normal.stddev * noise
    slope = torch.log1p(-torch.tanh(u) ** 2)
    assert torch.allclose((normal.log_prob(u) - slope), squashed.log_prob(action), atol=1e-5)
    return action, (normal.log_prob(u) - slope).sum(-1)


def sac(member, given):
    """Soft actor-critic in the order of stable-baselines3, but that α is read before its step, as theirs is."""
    numbers = {
        "learningRate": [1e-2, 3e-2][member],
        "gamma": [0.9, 0.99][member],
        "targetRate": [0.1, 0.3][member],
        "entropy": given if given is None else given + 0.1 * member,
        "targetEntropy": [-2.0, 0.5][member],
    }
    actor = wave((size(ACTOR),), 1.0, 1.0 + member, 0.8).requires_grad_()
    critic = wave((size(CRITIC),), 1.1, 2.0 + member, 0.7).requires_grad_()
    target = wave((size(CRITIC),), 1.2, 3.0 + member, 0.7)
    log_alpha = torch.zeros(1, requires_grad=True)
    before = {"actor": actor.clone(), "critic": critic.clone(), "target": target.clone()}
    optimizers = [torch.optim.Adam([x], lr=numbers["learningRate"]) for x in (critic, actor, log_alpha)]
    updates = []
    for update in range(UPDATES):
        data = transitions(member, update)
        data["action"] = wave((BATCH, DIMENSIONS), 0.9, member + update, 0.95)
        noise = wave((BATCH, DIMENSIONS), 2.3, member + update, 1.5)
        next_noise = wave((BATCH, DIMENSIONS), 2.7, member - update, 1.5)
        alpha = log_alpha.detach().exp() if given is None else torch.tensor([numbers["entropy"]])
        with torch.no_grad():
            action, log_probability = act(actor, data["nextObservation"], next_noise)
            value = critics(target, data["nextObservation"], action).amin(0) - alpha * log_probability
            wanted = data["reward"] + numbers["gamma"] * (1 - data["terminated"]) * value
        values = critics(critic, data["observation"], data["action"])
        critic_loss = 0.5 * sum(((values[head] - wanted) ** 2).mean() for head in range(HEADS))
        optimizers[0].zero_grad()
        critic_loss.backward()
        critic_gradient = critic.grad.clone()
        optimizers[0].step()

        action, log_probability = act(actor, data["observation"], noise)
        least = critics(critic, data["observation"], action).amin(0)
        actor_loss = (alpha * log_probability - least).mean()
        optimizers[1].zero_grad()
        actor_loss.backward()
        actor_gradient = actor.grad.clone()
        optimizers[1].step()

        if given is None:
            alpha_loss = -(log_alpha * (log_probability.detach() + numbers["targetEntropy"])).mean()
            optimizers[2].zero_grad()
            alpha_loss.backward()
            optimizers[2].step()
        with torch.no_grad():
            target += numbers["targetRate"] * (critic - target)
        updates.append(
            {
                "transitions": data,
                "noise": noise,
                "nextNoise": next_noise,
                "terms": {
                    "critic": critic_loss,
                    "actor": actor_loss,
                    "q": values.mean(),
                    "target": wanted.mean(),
                    "entropy": -log_probability.mean(),
                    "temperature": alpha[0],
                    "critic_gradient_norm": critic_gradient.norm(),
                    "actor_gradient_norm": actor_gradient.norm(),
                    "weight_norm": torch.cat([actor, critic]).norm(),
                },
                "after": {
                    "actor": actor.clone(),
                    "critic": critic.clone(),
                    "target": target.clone(),
                    "logTemperature": log_alpha.clone() if given is None else None,
                },
            }
        )
    return {"numbers": numbers, "before": before, "updates": updates}


# DQN -----------------------------------------------------------------------------------------------------------------

CHOICES = 3
Q = layers(OBSERVATION, CHOICES)
CLIP = 0.6


def dqn(member, double, loss):
    numbers = {"learningRate": [1e-2, 3e-2][member], "gamma": [0.9, 0.99][member]}
    critic = wave((size(Q),), 1.0, 1.0 + member, 0.8).requires_grad_()
    target = wave((size(Q),), 1.2, 3.0 + member, 0.8)
    before = {"critic": critic.clone(), "target": target.clone()}
    optimizer = torch.optim.Adam([critic], lr=numbers["learningRate"])
    updates = []
    for update in range(UPDATES):
        data = transitions(member, update)
        data["action"] = torch.tensor([(i * i + member + update) % CHOICES for i in range(BATCH)])
        # Not at the first update; then a copy for one member, a step on the way for the other.
        rate = 0.0 if update == 0 else [1.0, 0.25][member]
        with torch.no_grad():
            values = network(cut(target, Q), data["nextObservation"])
            online = network(cut(critic, Q), data["nextObservation"])
            chosen = (online if double else values).argmax(-1, keepdim=True)
            wanted = data["reward"] + numbers["gamma"] * (1 - data["terminated"]) * values.gather(-1, chosen)[:, 0]
        now = network(cut(critic, Q), data["observation"]).gather(-1, data["action"][:, None])[:, 0]
        total = smooth_l1_loss(now, wanted) if loss == "huber" else 0.5 * ((now - wanted) ** 2).mean()
        optimizer.zero_grad()
        total.backward()
        norm = torch.nn.utils.clip_grad_norm_([critic], CLIP)
        optimizer.step()
        with torch.no_grad():
            target = (1 - rate) * target + rate * critic
        updates.append(
            {
                "transitions": data,
                "targetRate": rate,
                "terms": {
                    "loss": total,
                    "q": now.mean(),
                    "target": wanted.mean(),
                    "gradient_norm": norm,
                    "weight_norm": critic.norm(),
                },
                "after": {"critic": critic.clone(), "target": target.clone()},
            }
        )
    return {"numbers": numbers, "before": before, "updates": updates}


def each(f, *arguments):
    return [f(member, *arguments) for member in range(MEMBERS)]


cases = {
    "sac": [{"entropy": given, "members": each(sac, given)} for given in (None, 0.2)],
    "dqn": [
        {"double": double, "loss": loss, "gradientClip": CLIP, "members": each(dqn, double, loss)}
        for double in (False, True)
        for loss in ("huber", "squared")
    ],
}
file = pathlib.Path(__file__).parent.parent / "test" / "fixtures" / "yardsticks.json.gz"
text = json.dumps(rounded(cases), separators=(",", ":")) + "\n"
file.write_bytes(gzip.compress(text.encode(), mtime=0))
print(f"{file.stat().st_size} bytes")
