"""Prints what test/ppo.test.ts expects of PPO's loss and its gradient, from another implementation in float64.

Needs jax; run it as: python scripts/ppo_reference.py
"""

import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", True)

OBSERVATIONS, HIDDEN, ACTIONS, BATCH = 2, 3, 2, 6
SHAPES = [
    (OBSERVATIONS, HIDDEN), (HIDDEN,), (HIDDEN, ACTIONS), (ACTIONS,),  # actor
    (OBSERVATIONS, HIDDEN), (HIDDEN,), (HIDDEN, 1), (1,),  # critic
]
SIZE = sum(int(jnp.prod(jnp.array(shape))) for shape in SHAPES)


def wave(count, frequency, phase):
    return jnp.sin(frequency * jnp.arange(count) + phase)


def network(weights, x):
    w0, b0, w1, b1 = weights
    return jnp.tanh(x @ w0 + b0) @ w1 + b1


def loss(flat, member):
    pieces, at = [], 0
    for shape in SHAPES:
        count = int(jnp.prod(jnp.array(shape)))
        pieces.append(flat[at : at + count].reshape(shape))
        at += count
    observation = wave(BATCH * OBSERVATIONS, 1.3, member).reshape(BATCH, OBSERVATIONS)
    action = jnp.arange(BATCH) % ACTIONS
    before = -0.7 + 0.3 * wave(BATCH, 3.0, member)
    advantage = 0.5 + 2 * wave(BATCH, 2.0, member)
    returns = 3 * wave(BATCH, 0.7, member)
    clip_range, entropy_weight, value_weight = [(0.3, 0.01, 0.5), (0.4, 0.03, 0.7)][member]

    log_policy = jax.nn.log_softmax(network(pieces[:4], observation))
    ratio = jnp.exp(log_policy[jnp.arange(BATCH), action] - before)
    advantage = (advantage - advantage.mean()) / (advantage.std(ddof=1) + 1e-8)
    clipped = jnp.clip(ratio, 1 - clip_range, 1 + clip_range)
    policy = -jnp.minimum(ratio * advantage, clipped * advantage).mean()
    value = ((network(pieces[4:], observation)[:, 0] - returns) ** 2).mean()
    entropy = -(jnp.exp(log_policy) * log_policy).sum(-1).mean()
    total = policy + value_weight * value - entropy_weight * entropy
    terms = {
        "loss": total,
        "policy": policy,
        "value": value,
        "entropy": entropy,
        "approximate_kl": (ratio - 1 - jnp.log(ratio)).mean(),
        "clip_fraction": (jnp.abs(ratio - 1) > clip_range).mean(),
    }
    return total, terms


for member in range(2):
    (_, terms), gradient = jax.value_and_grad(loss, has_aux=True)(wave(SIZE, 1.0, 1.0 + member), member)
    print({name: round(float(x), 8) for name, x in terms.items()})
    print([round(float(x), 8) for x in gradient])
