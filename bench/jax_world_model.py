"""
One update of the dream critic or the baseline in JAX, the algorithm of the README.

Symbols and settings are the README's; `s` is a config as wm resolves it. Every function is written for one member and
vmapped over members by its caller. Shapes: windows [batch, time, ...], imagination [horizon, starts, ...]. Gates:
input, forget, candidate, output.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax

import peer

SCALE = jnp.array([1.0, 1.0, 0.1, 1.0])
ACTIONS = 2
REPLAYED = ('observation', 'action', 'next_observation', 'terminated', 'first')
sg = jax.lax.stop_gradient


# ---- networks: parameters by name


def init_linear(key, name, inputs, outputs, scale=1.0):
    weight = jax.random.truncated_normal(key, -2, 2, (inputs, outputs)) * scale / np.sqrt(inputs)
    return {f'{name}.weight': weight, f'{name}.bias': jnp.zeros(outputs)}


def init_mlp(key, name, inputs, hidden, outputs, last_scale=1.0):
    widths = [inputs, *hidden, outputs]
    scales = [1.4] * len(hidden) + [last_scale]
    parameters = {}
    for i, (k, scale) in enumerate(zip(jax.random.split(key, len(scales)), scales)):
        parameters |= init_linear(k, f'{name}.{i}', widths[i], widths[i + 1], scale)
    return parameters


def init(key, s):
    """Fresh (model, actor)."""
    keys = iter(jax.random.split(key, 9))
    latent, units, hidden = s['model']['latent'], s['model']['lstm'], s['model']['hidden']
    model = (
        init_mlp(next(keys), 'encoder', 4, hidden, 2 * latent)
        | init_mlp(next(keys), 'decoder', latent, hidden, 4)
        | init_linear(next(keys), 'lstm_input', latent + ACTIONS, 4 * units)
        | init_linear(next(keys), 'lstm_hidden', units, 4 * units)
        | init_linear(next(keys), 'latent_head', units, latent, 0.1)
        | init_linear(next(keys), 'reward', latent, 1)
        | init_mlp(next(keys), 'continue', latent, hidden, 1, 0.1)
    )
    model['lstm_input.bias'] = model['lstm_input.bias'].at[units : 2 * units].set(1.0)
    key = next(keys)
    if peer.arm(s) == 'dream-critic':
        model |= init_mlp(key, 'critic', latent, s['critic']['hidden'], 1, 0.1)
    return model, init_mlp(next(keys), 'actor', latent, s['actor']['hidden'], ACTIONS, 0.01)


def only(parameters, name):
    return {key: value for key, value in parameters.items() if key.startswith(f'{name}.')}


def linear(p, name, x):
    return x @ p[f'{name}.weight'] + p[f'{name}.bias']


def mlp(p, name, x, hidden):
    for i in range(len(hidden)):
        x = jax.nn.relu(linear(p, f'{name}.{i}', x))
    return linear(p, f'{name}.{len(hidden)}', x)


def encode(model, observation, s):
    """Mean and log-variance of q(z | o)."""
    mean, log_variance = jnp.split(mlp(model, 'encoder', observation / SCALE, s['model']['hidden']), 2, -1)
    return mean, jnp.clip(log_variance, -8, 4)


def value(p, latent, s):
    return mlp(p, 'critic', latent, s['critic']['hidden'])[..., 0]


def target_value(target, latent, s):
    """The bootstrap: clipped to what rewards of 1 allow."""
    unbounded = value(target, latent, s)
    return jnp.clip(unbounded, 0, 1) if s['critic']['boundedTarget'] else unbounded


def continue_logit(model, latent, s):
    return mlp(model, 'continue', latent, s['model']['hidden'])[..., 0]


def log_policy(actor, latent, s):
    return jax.nn.log_softmax(mlp(actor, 'actor', latent, s['actor']['hidden']))


def input_gates(model, latent, action):
    return linear(model, 'lstm_input', jnp.concatenate([latent, jax.nn.one_hot(action, ACTIONS)], -1))


def lstm_cell(model, hidden, cell, gates):
    i, f, g, o = jnp.split(gates + linear(model, 'lstm_hidden', hidden), 4, -1)
    cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(cell), cell


def predict_sequence(model, latent, action, first):
    """Teacher-forced: (state before each step: h, c; predicted next latent), each [batch, time, ...]."""
    zero = jnp.zeros((latent.shape[0], model['lstm_hidden.weight'].shape[0]))

    def step(state, inputs):
        gates, keep = inputs
        hidden, cell = (x * keep[:, None] for x in state)
        after = lstm_cell(model, hidden, cell, gates)
        return after, (hidden, cell, after[0])

    gates = input_gates(model, latent, action)
    _, steps = jax.lax.scan(step, (zero, zero), (gates.swapaxes(0, 1), 1 - first.swapaxes(0, 1)))
    hidden, cell, hidden_after = (x.swapaxes(0, 1) for x in steps)
    return hidden, cell, latent + linear(model, 'latent_head', hidden_after)


# ---- losses


def model_loss(model, target, windows, beta, noise, s):
    """L_dream (L_base for the baseline) on real transitions, its terms, and where imagination may start."""
    observation, action, next_observation, terminated, first = windows
    time_steps = observation.shape[1]
    mean, log_variance = encode(model, jnp.concatenate([observation, next_observation], 1), s)
    sample = mean + jnp.exp(0.5 * log_variance) * noise
    latent, next_latent = sample[:, :time_steps], sample[:, time_steps:]
    next_mean = mean[:, time_steps:]
    hidden, cell, predicted = predict_sequence(model, latent, action, first)

    def distance(x, y):
        return ((x - y) ** 2).sum(-1).mean()

    def decoded(x):
        return mlp(model, 'decoder', x, s['model']['hidden'])

    def continue_loss(x):
        return optax.sigmoid_binary_cross_entropy(continue_logit(model, x, s), 1 - terminated).mean()

    reward = jnp.ones_like(terminated)
    terms = {
        'reconstruction': distance(decoded(latent), observation / SCALE),
        'predicted_reconstruction': distance(decoded(predicted), next_observation / SCALE),
        'latent_consistency': distance(predicted, sg(next_mean)),
        'kl': (0.5 * (mean**2 + jnp.exp(log_variance) - 1 - log_variance)).mean(),
        'reward': ((linear(model, 'reward', predicted)[..., 0] - reward) ** 2).mean(),
        'continue': continue_loss(predicted) + continue_loss(next_latent),
    }
    loss = peer.base_loss(terms, beta, s)
    if target is not None:
        gamma = s['gamma']
        y = sg((1 - gamma) * reward + gamma * (1 - terminated) * target_value(target, next_mean, s))
        mask = 1 - first[:, 1:]
        on_predicted = mask * (value(model, predicted[:, :-1], s) - y[:, 1:]) ** 2
        terms['critic'] = ((value(model, latent, s) - y) ** 2).mean() + on_predicted.sum() / jnp.maximum(mask.sum(), 1)
        loss += s['lambda'] * terms['critic']
    return loss, (terms, mean[:, :time_steps], hidden, cell)


def imagine(model, start, choose, steps):
    """Rolls out one step per element of `steps`: latents, actions, next latents, each [horizon, starts, ...]."""

    def step(state, x):
        latent, hidden, cell = state
        action = choose(latent, x)
        hidden, cell = lstm_cell(model, hidden, cell, input_gates(model, latent, action))
        after = latent + linear(model, 'latent_head', hidden)
        return (after, hidden, cell), (latent, action, after)

    return jax.lax.scan(step, start, steps)[1]


def lambda_return(reward, discount, next_value, lam):
    def step(following, x):
        r, d, v = x
        following = r + d * ((1 - lam) * v + lam * following)
        return following, following

    return jax.lax.scan(step, next_value[-1], (reward, discount, next_value), reverse=True)[1]


def imagined_returns(model, target, latents, next_latents, s):
    """(w, lambda-return, advantage); the baseline's return is cut off at the horizon."""
    gamma = s['gamma']
    reward = (1 - gamma) * linear(model, 'reward', next_latents)[..., 0]
    go_on = jax.nn.sigmoid(continue_logit(model, next_latents, s))
    weight = jnp.concatenate([jnp.ones_like(go_on[:1]), jnp.cumprod(go_on, 0)[:-1]])
    if target is None:
        returns = lambda_return(reward, gamma * go_on, jnp.zeros_like(reward), 1.0)
        advantage = returns - returns.mean(1, keepdims=True)
    else:
        returns = lambda_return(reward, gamma * go_on, target_value(target, next_latents, s), s['critic']['returnLambda'])
        advantage = returns - value(model, latents, s)
    spread = jnp.percentile(returns, 95) - jnp.percentile(returns, 5)
    return weight, returns, advantage / jnp.maximum(s['actor']['returnRangeFloor'], spread)


def actor_loss(actor, latents, actions, weight, advantage, s):
    log_probability = log_policy(actor, latents, s)
    chosen = jnp.take_along_axis(log_probability, actions[..., None], -1)[..., 0]
    entropy = -(jnp.exp(log_probability) * log_probability).sum(-1)
    return -(weight * (chosen * advantage + s['actor']['entropy'] * entropy)).mean()


# ---- one update

adam = optax.scale_by_adam()


def new_learner(key, s):
    model, actor = init(key, s)
    target = only(model, 'critic') if peer.arm(s) == 'dream-critic' else None
    return dict(
        model=model,
        actor=actor,
        target=target,
        average=dict(encoder=only(model, 'encoder'), actor=actor),
        model_moments=adam.init(model),
        actor_moments=adam.init(actor),
    )


def clipped_step(parameters, gradient, moments, rate, clip):
    norm = optax.global_norm(gradient)
    gradient = jax.tree.map(lambda g: g * jnp.minimum(1.0, clip / (norm + 1e-9)), gradient)
    direction, moments = adam.update(gradient, moments)
    return jax.tree.map(lambda p, d: p - rate * d, parameters, direction), moments, norm


def moving_average(average, values, rate):
    return jax.tree.map(lambda a, v: (1 - rate) * a + rate * v, average, values)


def learn(learner, windows, beta, noise, starts, choose, steps, s):
    """One update from given noise: (learner, loss terms). `choose(actor)` picks imagined actions."""
    model, actor, target = learner['model'], learner['actor'], learner['target']
    (loss, (terms, mean, hidden, cell)), model_gradient = jax.value_and_grad(model_loss, has_aux=True)(
        model, target, windows, beta, noise, s
    )
    start = tuple(x.reshape(-1, x.shape[-1])[starts] for x in (mean, hidden, cell))
    latents, actions, next_latents = imagine(model, start, choose(actor), steps)
    weight, returns, advantage = imagined_returns(model, target, latents, next_latents, s)
    policy_loss, actor_gradient = jax.value_and_grad(actor_loss)(actor, latents, actions, weight, advantage, s)
    if target is not None:

        def imagined_critic(critic):
            return (weight * (value(critic, latents, s) - returns) ** 2).mean()

        terms['imagined_critic'], critic_gradient = jax.value_and_grad(imagined_critic)(only(model, 'critic'))
        model_gradient |= {k: model_gradient[k] + s['lambda'] * g for k, g in critic_gradient.items()}
    clip = s['gradientClip']
    model, model_moments, norm = clipped_step(
        model, model_gradient, learner['model_moments'], s['learningRate'], clip
    )
    actor, actor_moments, _ = clipped_step(
        actor, actor_gradient, learner['actor_moments'], s['actor']['learningRate'], clip
    )
    after = dict(
        model=model,
        actor=actor,
        target=target and moving_average(target, only(model, 'critic'), s['critic']['targetRate']),
        average=moving_average(
            learner['average'],
            dict(encoder=only(model, 'encoder'), actor=actor),
            peer.average_rate_at(s, model_moments.count, jnp.maximum),
        ),
        model_moments=model_moments,
        actor_moments=actor_moments,
    )
    return after, dict(terms, total=loss, actor=policy_loss, gradient_norm=norm)


def update(learner, replay, size, beta, key, s):
    """One update from the first `size` transitions of a replay: windows and noise drawn here."""
    windows_key, noise_key, start_key, action_key = jax.random.split(key, 4)
    batch, length = s['replay']['batch'], s['replay']['length']
    rows = jax.random.randint(windows_key, (batch, 1), 0, size - length + 1) + jnp.arange(length)
    windows = tuple(replay[name][rows] for name in REPLAYED)
    noise = jax.random.normal(noise_key, (batch, 2 * length, s['model']['latent']))
    starts = jax.random.randint(start_key, (s['imaginationStarts'],), 0, batch * length)

    def sample(actor):
        return lambda latent, k: jax.random.categorical(k, log_policy(actor, latent, s))

    return learn(learner, windows, beta, noise, starts, sample, jax.random.split(action_key, s['horizon']), s)
