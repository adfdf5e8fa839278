"""
GradNorm's steps in JAX, written to test/fixtures/gradnorm.json: one of the dream critic, on the weights, batch and noise
of test/fixtures/dream-critic-update.json.gz, and several on made-up losses and norms. Needs jax, optax and numpy.

    python scripts/gradnorm_reference.py

L_grad is differentiated by the logarithms of both weights, as the paper's algorithm 1 has it for the weights; both are
then divided by that of the base loss.
"""

import base64
import gzip
import json
import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update('jax_enable_x64', True)
root = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(root / 'bench'))
import jax_world_model as reference  # noqa: E402


def unpacked(named):
    arrays = {}
    for name, packed in named.items():
        kind = 'f32' if 'f32' in packed else 'i32'
        values = np.frombuffer(base64.b64decode(packed[kind]), {'f32': '<f4', 'i32': '<i4'}[kind])
        values = values.astype(np.float64 if kind == 'f32' else np.int32)
        arrays[name] = jnp.asarray(values.reshape(packed['shape']))
    return arrays


def step(log_factor, first, losses, slopes, lam, alpha, rate, bound):
    """Of the losses, their L(0) and the norms of their gradients without weights: log f after the step."""
    losses, first, slopes = (jnp.asarray(x, float) for x in (losses, first, slopes))
    left = losses / first
    pull = (left / left.mean()) ** alpha

    def l_grad(log_weights):
        norms = jnp.exp(log_weights) * slopes
        return jnp.abs(norms - jax.lax.stop_gradient(norms.mean() * pull)).sum()

    log_weights = jnp.array([0.0, log_factor + np.log(lam)])
    mean = (jnp.exp(log_weights) * slopes).mean()
    after = log_weights - rate * jax.grad(l_grad)(log_weights) / mean
    after = after - after[0]
    return float(jnp.clip(after[1] - np.log(lam), -np.log(bound), np.log(bound)))


def dream_critic():
    fixture = json.loads(gzip.open(root / 'test/fixtures/dream-critic-update.json.gz').read())
    model, batch, hyper = unpacked(fixture['model']), unpacked(fixture['batch']), fixture['hyper']
    target = {f'critic.{name}': value for name, value in unpacked(fixture['critic_target']).items()}
    widths = [64, 64]
    settings = {
        'gamma': hyper['gamma'],
        'lambda': 0.0,
        'model': {
            'hidden': widths,
            'reconstructionWeight': hyper['reconstruction_weight'],
            'latentWeight': hyper['latent_weight'],
        },
        'critic': {'hidden': widths, 'boundedTarget': False},
    }
    windows = tuple(batch[name] for name in reference.REPLAYED)

    def losses(model):
        base, (terms, *_) = reference.model_loss(model, target, windows, hyper['beta'], batch['noise'], settings)
        return base, terms['critic']

    shared = ('encoder.', 'lstm_input.', 'lstm_hidden.', 'latent_head.')
    values = losses(model)
    slopes = []
    for i in range(2):
        gradient = jax.grad(lambda model, i=i: losses(model)[i])(model)
        squares = [(np.asarray(g) ** 2).sum() for name, g in gradient.items() if name.startswith(shared)]
        slopes.append(np.sqrt(sum(squares)))
    losses_now = [float(x) for x in values]
    # Not the first update: what is left of either loss is told by L(0).
    initial = [losses_now[0] * 3, losses_now[1] * 0.8]
    given = {'log_factor': 1.5, 'initial_loss': initial, 'lambda': hyper['lambda_critic']}
    keys = {'alpha': 0.12, 'learning_rate': 0.025, 'bound': 10_000}
    after = step(1.5, initial, values, slopes, hyper['lambda_critic'], *keys.values())
    return {**given, **keys, 'losses': losses_now, 'slopes': [float(x) for x in slopes], 'after': after}


def made_up():
    """Up and down, the last at the bound."""
    cases = [
        # log f, L(0), L, slopes, α
        (0.0, [2.0, 0.1], [2.0, 0.1], [3.0, 0.2], 1.5),
        (0.4, [2.0, 0.1], [0.5, 0.3], [1.0, 2.4], 1.5),
        (-0.7, [2.0, 0.1], [0.4, 0.004], [1.0, 5.0], 0.5),
        (1.0, [1.0, 1.0], [1.0, 0.05], [1.0, 0.6], 1.5),
        (0.2, [1.0, 1.0], [0.9, 1.1], [1.0, 1.7], 3.0),
        (2.29, [1.0, 1.0], [1.0, 5.0], [4.0, 0.1], 0.12),
    ]
    lam, rate, bound = 0.5, 0.1, 10
    return [
        {
            'log_factor': log_factor,
            'initial_loss': first,
            'losses': losses,
            'slopes': slopes,
            'alpha': alpha,
            'lambda': lam,
            'learning_rate': rate,
            'bound': bound,
            'after': step(log_factor, first, losses, slopes, lam, alpha, rate, bound),
        }
        for log_factor, first, losses, slopes, alpha in cases
    ]


result = {'dream_critic': dream_critic(), 'made_up': made_up()}
(root / 'test/fixtures/gradnorm.json').write_text(json.dumps(result, indent=1) + '\n')
